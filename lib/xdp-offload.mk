# SPDX-License-Identifier: Apache-2.0
#
# The source files that this project adds to libopenvswitch.  Both our own
# Makefile.am and, through patches/ovs-*/0001-build-lists.patch, OVS's
# lib/automake.mk include this file, so this is the only list of them.

# What is common to all versions of OVS.
lib_xdp_files = \
	lib/dpif-netdev-hooks.h \
	lib/dpif-netdev-reoffer.c \
	lib/dpif-netdev-reoffer.h \
	lib/dpif-netdev-xdp.c \
	lib/dpif-netdev-xdp.h \
	lib/xdp-abi-conn.h \
	lib/xdp-abi-meter.h \
	lib/xdp-abi-tc.h \
	lib/xdp-abi.h \
	lib/xdp-blob.c \
	lib/xdp-blob.h \
	lib/xdp-command.c \
	lib/xdp-command.h \
	lib/xdp-companion.c \
	lib/xdp-companion.h \
	lib/xdp-conn-refs.c \
	lib/xdp-conn-refs.h \
	lib/xdp-conn-report.c \
	lib/xdp-conn-report.h \
	lib/xdp-conn-slots.c \
	lib/xdp-conn-slots.h \
	lib/xdp-conn-table.c \
	lib/xdp-conn-table.h \
	lib/xdp-conntrack.c \
	lib/xdp-conntrack.h \
	lib/xdp-contract.c \
	lib/xdp-contract.h \
	lib/xdp-coverage.c \
	lib/xdp-coverage.h \
	lib/xdp-custody-displace.c \
	lib/xdp-custody-flow.c \
	lib/xdp-custody-leave.c \
	lib/xdp-custody-port.c \
	lib/xdp-custody-private.h \
	lib/xdp-custody-rate.c \
	lib/xdp-custody-wake.c \
	lib/xdp-custody.c \
	lib/xdp-custody.h \
	lib/xdp-device.c \
	lib/xdp-device.h \
	lib/xdp-ethtool.c \
	lib/xdp-ethtool.h \
	lib/xdp-features.c \
	lib/xdp-features.h \
	lib/xdp-flow-table-private.h \
	lib/xdp-flow-table.c \
	lib/xdp-flow-table.h \
	lib/xdp-grace.c \
	lib/xdp-grace.h \
	lib/xdp-machine.c \
	lib/xdp-machine.h \
	lib/xdp-meter.c \
	lib/xdp-meter.h \
	lib/xdp-mutex.c \
	lib/xdp-mutex.h \
	lib/xdp-netdev.c \
	lib/xdp-netdev.h \
	lib/xdp-object-file.c \
	lib/xdp-object-file.h \
	lib/xdp-offer.c \
	lib/xdp-op-flags.c \
	lib/xdp-op-flags.h \
	lib/xdp-ovs-compat.h \
	lib/xdp-pool.c \
	lib/xdp-pool.h \
	lib/xdp-port-config.c \
	lib/xdp-port-device.c \
	lib/xdp-port-event.c \
	lib/xdp-port-leftover.c \
	lib/xdp-port-private.h \
	lib/xdp-port-socket.c \
	lib/xdp-port-tc.c \
	lib/xdp-port.c \
	lib/xdp-port.h \
	lib/xdp-prepare.c \
	lib/xdp-prepare.h \
	lib/xdp-program.c \
	lib/xdp-program.h \
	lib/xdp-sequence.c \
	lib/xdp-sequence.h \
	lib/xdp-setup.c \
	lib/xdp-setup.h \
	lib/xdp-shared.c \
	lib/xdp-shared.h \
	lib/xdp-spare.c \
	lib/xdp-spare.h \
	lib/xdp-subtable.c \
	lib/xdp-subtable.h \
	lib/xdp-swap.c \
	lib/xdp-swap.h \
	lib/xdp-table-group.c \
	lib/xdp-table-hints.c \
	lib/xdp-table-mask.c \
	lib/xdp-table-port.c \
	lib/xdp-table-rest.c \
	lib/xdp-table-slot.c \
	lib/xdp-table-sort.c \
	lib/xdp-table-tc.c \
	lib/xdp-tc.c \
	lib/xdp-tc.h \
	lib/xdp-totals.c \
	lib/xdp-totals.h \
	lib/xdp-translate-actions.c \
	lib/xdp-translate-ct.c \
	lib/xdp-translate-op.c \
	lib/xdp-translate-private.h \
	lib/xdp-translate-set.c \
	lib/xdp-translate-tunnel.c \
	lib/xdp-translate.c \
	lib/xdp-translate.h \
	lib/xdp-upcall.c \
	lib/xdp-upcall.h \
	lib/xdp-userspace.c \
	lib/xdp-userspace.h \
	lib/xdp-view.c \
	lib/xdp-view.h \
	lib/xdp-worker.c \
	lib/xdp-worker.h

# The front for the flow API of OVS, struct netdev_flow_api (3.1 and 3.5).
# Patch 0001 of each series says which front is compiled.
lib_xdp_netdev_offload_files = \
	lib/dpif-netdev-resume.c \
	lib/dpif-netdev-resume.h \
	lib/netdev-offload-driver.c \
	lib/netdev-offload-driver.h \
	lib/netdev-offload-xdp.c \
	lib/netdev-offload-xdp.h

# The front for the flow offload providers of OVS, struct dpif_offload_class
# (4.0).
lib_xdp_dpif_offload_files = \
	lib/dpif-offload-xdp-queue.c \
	lib/dpif-offload-xdp-queue.h \
	lib/dpif-offload-xdp.c \
	lib/dpif-offload-xdp.h
