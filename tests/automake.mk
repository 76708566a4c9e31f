# SPDX-License-Identifier: Apache-2.0
#
# The test programs.  tests/NAME is made from tests/NAME.c, and linked with the
# libopenvswitch in the build directory.

xdp_test_programs = \
	tests/test-xdp-oracle \
	tests/test-xdp-unit
