# SPDX-License-Identifier: Apache-2.0
#
# Builds programs of ours that use libopenvswitch the way in which OVS builds
# its own, with what OVS's configure found out.  GNU make runs this in the OVS
# tree:
#
#   make -f .../ovs-program.mk XDP_SRCDIR=... XDP_BUILDDIR=... \
#        XDP_PROGRAMS='tests/a tests/b' xdp-programs
#
# compiles XDP_SRCDIR/tests/a.c to XDP_BUILDDIR/tests/a, and so on.

include Makefile

xdp_programs = $(addprefix $(XDP_BUILDDIR)/,$(XDP_PROGRAMS))

.PHONY: xdp-programs
xdp-programs: $(xdp_programs)

# Extra libraries that the offload's sources or the programs use directly.
$(xdp_programs): %: %.o lib/libopenvswitch.la
	$(AM_V_CCLD)$(LINK) $< lib/libopenvswitch.la -lelf -lz $(LIBS)

$(xdp_programs:=.o): $(XDP_BUILDDIR)/%.o: $(XDP_SRCDIR)/%.c Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(COMPILE) -I $(XDP_SRCDIR)/lib -MMD -MP -MF $(@:.o=.d) \
	    -c -o $@ $<

-include $(xdp_programs:=.d)
