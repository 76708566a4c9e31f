# SPDX-License-Identifier: Apache-2.0
#
# The test programs.  tests/test-xdp-NAME is made from tests/test-xdp-NAME.c, if
# there is such a file, and what is in the directory tests/NAME; see
# utilities/ovs-program.mk.  It is linked with the libopenvswitch in the build
# directory.

xdp_test_programs = \
	tests/test-xdp-companion \
	tests/test-xdp-custody \
	tests/test-xdp-nesting \
	tests/test-xdp-oracle \
	tests/test-xdp-unit

# Programs that the system tests call.
xdp_test_tools = tests/xdp-counter

EXTRA_PROGRAMS += $(xdp_test_tools)
MOSTLYCLEANFILES += $(xdp_test_tools)

tests_xdp_counter_SOURCES = tests/xdp-counter.c
tests_xdp_counter_LDADD = -lbpf -lelf -lz

MOSTLYCLEANFILES += tests/oracle/*.o tests/oracle/*.d tests/unit/*.o \
	tests/unit/*.d tests/fuzz/*.o tests/fuzz/*.d \
	tests/fuzz/fuzz-xdp-translate tests/fuzz/make-seeds

# Made of tests/NAME.bpf.c, and the other translation unit of the object.
xdp_linked_objects = \
	tests/xdp-tc-linked.bpf.o \
	tests/xdp-tc-refused-linked.bpf.o

# Objects that the tests load, or fail to.
xdp_test_objects = \
	tests/xdp-bad-inner-size.bpf.o \
	tests/xdp-bad-key-field.bpf.o \
	tests/xdp-bad-key-size.bpf.o \
	tests/xdp-bad-map-size.bpf.o \
	tests/xdp-bad-max-ops.bpf.o \
	tests/xdp-bad-no-constant.bpf.o \
	tests/xdp-bad-no-egress.bpf.o \
	tests/xdp-bad-no-groups.bpf.o \
	tests/xdp-bad-no-in-port.bpf.o \
	tests/xdp-bad-no-map.bpf.o \
	tests/xdp-bad-no-program.bpf.o \
	tests/xdp-bad-no-version.bpf.o \
	tests/xdp-bad-no-xsks.bpf.o \
	tests/xdp-bad-tc-ops.bpf.o \
	tests/xdp-bad-tc-programs.bpf.o \
	tests/xdp-bad-verifier.bpf.o \
	tests/xdp-bad-version.bpf.o \
	tests/xdp-bad-xsks-type.bpf.o \
	tests/xdp-ct-slow.bpf.o \
	tests/xdp-drop.bpf.o \
	tests/xdp-good-fewer-fields.bpf.o \
	tests/xdp-good-no-machine.bpf.o \
	tests/xdp-good-no-metadata.bpf.o \
	tests/xdp-good-plain.bpf.o \
	tests/xdp-good-ssh.bpf.o \
	tests/xdp-hidden-tag.bpf.o \
	tests/xdp-hidden-tags.bpf.o \
	tests/xdp-hidden-untag.bpf.o \
	tests/xdp-nesting.bpf.o \
	$(xdp_linked_objects)

if ENABLE_XDP_OFFLOAD
test-programs: $(xdp_test_objects) $(bpf_objects) $(xdp_test_tools)
endif
