# SPDX-License-Identifier: Apache-2.0
#
# Builds programs of ours that use libopenvswitch the way in which OVS builds
# its own, with what OVS's configure found out.  GNU make runs this in the OVS
# tree:
#
#   make -f .../ovs-program.mk XDP_SRCDIR=... XDP_BUILDDIR=... \
#        XDP_PROGRAMS='tests/a tests/b' xdp-programs
#
# compiles XDP_SRCDIR/tests/a.c to XDP_BUILDDIR/tests/a, and so on.  All sources
# in tests/a, or bench/a, are part of tests/test-xdp-a, or bench/xdp-a, too.
# Fuzz targets are at the end.

include Makefile

xdp_programs = $(addprefix $(XDP_BUILDDIR)/,$(XDP_PROGRAMS))

.PHONY: xdp-programs
xdp-programs: $(xdp_programs)

# The objects of program $(1).
xdp_objects = $(patsubst $(XDP_SRCDIR)/%.c,$(XDP_BUILDDIR)/%.o, \
	$(wildcard $(XDP_SRCDIR)/$(1).c) \
	$(sort $(wildcard $(XDP_SRCDIR)/$(subst xdp-,,$(subst test-,,$(1)))/*.c)))
xdp_all_objects = $(foreach program,$(XDP_PROGRAMS),\
	$(call xdp_objects,$(program)))

# These look in whenever a lock is taken or given back.  The unit tests stop
# the clock, too, count walks over all megaflows and what is cleaned up, and
# see where sockets are put, and with which locks links and names are looked at.  The
# tests of companions count requests to delete devices.
$(XDP_BUILDDIR)/tests/test-xdp-unit $(XDP_BUILDDIR)/bench/xdp-provider: \
	XDP_LDFLAGS = \
	-Wl,--wrap=ovs_mutex_lock_at,--wrap=ovs_mutex_unlock
$(XDP_BUILDDIR)/tests/test-xdp-unit: XDP_LDFLAGS += \
	-Wl,--wrap=time_msec,--wrap=pthread_create,--wrap=custody_walk \
	-Wl,--wrap=xdp_object_unload,--wrap=xdp_companion_destroy_all \
	-Wl,--wrap=ovsrcu_quiesce,--wrap=xdp_flow_table_get_port_stats \
	-Wl,--wrap=xdp_flow_table_set_target,--wrap=xdp_object_set_socket \
	-Wl,--wrap=xdp_device_of_link,--wrap=if_nametoindex
$(XDP_BUILDDIR)/tests/test-xdp-companion: XDP_LDFLAGS = \
	-Wl,--wrap=nl_transact

# Extra libraries that the offload's sources or the programs use directly.
.SECONDEXPANSION:
$(xdp_programs): $(XDP_BUILDDIR)/%: $$(call xdp_objects,%) lib/libopenvswitch.la
	$(AM_V_CCLD)$(LINK) $(XDP_LDFLAGS) $(filter %.o,$^) \
	    lib/libopenvswitch.la -lelf -lz $(LIBS)

$(xdp_all_objects): $(XDP_BUILDDIR)/%.o: $(XDP_SRCDIR)/%.c Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(COMPILE) -I $(XDP_SRCDIR)/lib -MMD -MP -MF $(@:.o=.d) \
	    -c -o $@ $<

-include $(xdp_all_objects:.o=.d)

# Fuzz targets: XDP_FUZZ_TARGETS='tests/fuzz/a' xdp-fuzz-targets makes a program
# of XDP_SRCDIR/tests/fuzz/a.c and the offload's own sources XDP_FUZZ_SOURCES,
# all built by CLANG to be watched; libopenvswitch is the one above.
XDP_FUZZ_CFLAGS = -O1 -g -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined
xdp_fuzz_targets = $(addprefix $(XDP_BUILDDIR)/,$(XDP_FUZZ_TARGETS))

.PHONY: xdp-fuzz-targets
xdp-fuzz-targets: $(xdp_fuzz_targets)

xdp_fuzz_objects = $(patsubst %.c,$(XDP_BUILDDIR)/tests/fuzz/%.o,\
	$(notdir $(XDP_FUZZ_SOURCES)))

$(xdp_fuzz_targets): %: %.o $(xdp_fuzz_objects) lib/libopenvswitch.la
	$(AM_V_CCLD)$(LIBTOOL) $(AM_V_lt) --tag=CC --mode=link $(CLANG) \
	    $(XDP_FUZZ_CFLAGS) -o $@ $(filter %.o,$^) lib/libopenvswitch.la \
	    -lelf -lz $(LIBS)

xdp_fuzz_compile = $(MKDIR_P) $(@D) && $(CLANG) $(DEFS) $(DEFAULT_INCLUDES) \
	$(INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) -I $(XDP_SRCDIR)/lib -Wall \
	-Wextra -Wno-sign-compare $(XDP_FUZZ_CFLAGS) -MMD -MP -MF $(@:.o=.d) \
	-c -o $@ $<

$(xdp_fuzz_targets:=.o): $(XDP_BUILDDIR)/%.o: $(XDP_SRCDIR)/%.c Makefile
	$(AM_V_CC)$(xdp_fuzz_compile)
$(xdp_fuzz_objects): $(XDP_BUILDDIR)/tests/fuzz/%.o: $(XDP_SRCDIR)/lib/%.c \
	Makefile
	$(AM_V_CC)$(xdp_fuzz_compile)

-include $(xdp_fuzz_targets:=.d) $(xdp_fuzz_objects:.o=.d)
