# SPDX-License-Identifier: Apache-2.0
#
# What "make bench" builds first: programs in bench_programs, each also in
# EXTRA_PROGRAMS and with the usual _SOURCES and _LDADD, and BPF objects in
# bench_objects, where bench/NAME.bpf.o is made from bench/NAME.bpf.c.

bench_programs = \
	bench/connections \
	bench/first-packet \
	bench/xdp-cost \
	bench/xdp-redirect \
	bench/xdp-sink \
	bench/xdp-source

# These are made as the test programs are.
bench_ovs_programs = \
	bench/xdp-provider
bench_objects = \
	bench/prepare.bpf.o \
	bench/redirect.bpf.o \
	bench/sink.bpf.o \
	bench/source.bpf.o

EXTRA_PROGRAMS += $(bench_programs)
MOSTLYCLEANFILES += $(bench_programs) bench/provider/*.o \
	bench/provider/*.d bench/bench.json bench/*.svg

bench_common = bench/bench-util.c bench/bench-util.h bench/frame.h
bench_pattern = bench/pattern.c bench/pattern.h
bench_options = bench/options.c bench/options.h
bench_cppflags = -D_GNU_SOURCE -I$(srcdir)/bench $(AM_CPPFLAGS)
bench_libs = -lbpf -lelf -lz

bench_connections_SOURCES = bench/connections.c $(bench_common)
bench_connections_CPPFLAGS = $(bench_cppflags)
bench_connections_LDADD = $(bench_libs)

bench_first_packet_SOURCES = bench/first-packet.c $(bench_common) \
	$(bench_pattern)
bench_first_packet_CPPFLAGS = $(bench_cppflags)
bench_first_packet_LDADD = $(bench_libs)

bench_xdp_cost_SOURCES = bench/xdp-cost.c $(bench_common) $(bench_pattern) \
	$(bench_options)
bench_xdp_cost_CPPFLAGS = $(bench_cppflags)
bench_xdp_cost_LDADD = $(bench_libs)

bench_xdp_redirect_SOURCES = bench/xdp-redirect.c $(bench_common)
bench_xdp_redirect_CPPFLAGS = $(bench_cppflags)
bench_xdp_redirect_LDADD = $(bench_libs)

bench_xdp_sink_SOURCES = bench/xdp-sink.c $(bench_common)
bench_xdp_sink_CPPFLAGS = $(bench_cppflags)
bench_xdp_sink_LDADD = $(bench_libs)

bench_xdp_source_SOURCES = bench/xdp-source.c $(bench_common) \
	$(bench_pattern) $(bench_options)
bench_xdp_source_CPPFLAGS = $(bench_cppflags)
bench_xdp_source_LDADD = $(bench_libs)
