# SPDX-License-Identifier: Apache-2.0
#
# Functions for 'guest-tests' that let OVS forward real packets between two
# network namespaces and look at who carried them: XDP or userspace.
#
#     ns left: p-left ---- v-left [bridge br0] v-right ---- p-right :ns right

set -e

export OVS_RUNDIR=/run/ovs OVS_LOGDIR=/run/ovs OVS_DBDIR=/run/ovs
export OVS_SYSCONFDIR=/run/ovs OVS_PKGDATADIR=/ovs
LOG=$OVS_RUNDIR/ovs-vswitchd.log
PINGS=50

die () {
    echo "$*" >&2
    exit 1
}

# busybox's shell takes applets of its own before programs in the PATH.
ip () {
    /programs/ip "$@"
}

vsctl () {
    timeout -s KILL 40 ovs-vsctl --timeout=30 "$@"
}

# Starts OVS without the offload, with two afxdp ports on one bridge.
traffic_start () {
    mkdir -p $OVS_RUNDIR
    ovsdb-tool create $OVS_RUNDIR/conf.db /ovs/vswitch.ovsschema
    ovsdb-server --no-chdir --detach --log-file --pidfile \
        --remote=punix:$OVS_RUNDIR/db.sock $OVS_RUNDIR/conf.db
    vsctl --no-wait init
    ovs-vswitchd --no-chdir --detach --log-file=$LOG --pidfile \
        --disable-system
    vsctl add-br br0 -- set bridge br0 datapath_type=netdev

    n=0
    for side in left right; do
        n=$((n + 1))
        # One queue each: a PMD thread for every queue is of no use here.
        ip link add v-$side numrxqueues 1 numtxqueues 1 type veth \
            peer name p-$side numrxqueues 1 numtxqueues 1
        ip netns add $side
        ip link set p-$side netns $side
        # Without GRO (or an XDP program) here, veth drops what is redirected
        # to it; "off" because XDP would see unfinished checksums and no tags.
        ip netns exec $side ethtool -K p-$side \
            tx off txvlan off gro on
        ip -n $side addr add 10.1.1.$n/24 dev p-$side
        ip -n $side link set p-$side up
        ip link set v-$side up
        vsctl add-port br0 v-$side -- set interface v-$side \
            type=afxdp options:xdp-mode=native
    done
    errors=$(vsctl --bare --columns=error find interface type=afxdp)
    test -z "$errors" || die "$errors"
    echo "OVS runs with two afxdp ports"
}

# traffic_ping N [ADDRESS]
#
# Sends N pings, of which all must be answered.
traffic_ping () {
    ip netns exec left ping -c "$1" -i 0.1 -W 5 "${2:-10.1.1.2}" > /tmp/ping ||
        { cat /tmp/ping; die "ping fails"; }
    cat /tmp/ping
    grep -q ", $1 packets received" /tmp/ping || die "pings were lost"
}

# traffic_counter SLOT
#
# Prints slot SLOT of 'debug_stats'.
traffic_counter () {
    bpftool map dump name debug_stats > /tmp/debug_stats ||
        die "no map debug_stats"
    awk -v wanted=$(($1 + 1)) '
         /"key":/ { slot++ }
         slot == wanted && /"value":/ && !/\[/ {
             sub(/.*"value": */, ""); sum += $0
         }
         END { if (slot < wanted) { exit 1 } print sum + 0 }' \
        /tmp/debug_stats ||
        { cat /tmp/debug_stats; die "cannot read debug_stats"; }
}

# Prints how many packets XDP has redirected.
traffic_redirected () {
    traffic_counter 2
}

# Userspace forwards, and no flow is offloaded, as long as nobody asks for it.
traffic_userspace () {
    traffic_ping 3
    traffic_ping 20
    flows=$(ovs-appctl dpctl/dump-flows type=offloaded)
    test -z "$flows" || die "flows are offloaded without hw-offload: $flows"
    echo "23 of 23 pings"
}

# expect_redirected BEFORE LEAST
expect_redirected () {
    after=$(traffic_redirected)
    ovs-appctl dpctl/dump-flows -m type=offloaded
    test $((after - $1)) -ge "$2" || {
        tail -n 50 $LOG
        ovs-appctl xdp/show || :
        ovs-appctl xdp/refused || :
        bpftool map dump name debug_stats
        die "XDP carried only $((after - $1)) packets, expected $2"
    }
}

# XDP forwards pings once it is asked to.
traffic_offload_ping () {
    vsctl set Open_vSwitch . other_config:offload-driver=linux_xdp \
        -- set Open_vSwitch . other_config:hw-offload=true
    # The first packets install the flows; ports are reopened for the program
    # with the flow table, so give those some time.
    for i in 1 2 3 4 5 6 7 8 9 10; do
        if ip netns exec left ping -c 2 -W 2 10.1.1.2 &&
           ovs-appctl dpctl/dump-flows type=offloaded | grep -q 0x0800; then
            break
        fi
    done
    # Its limits are known now, so the verifier saw it with other constants.
    xdp-load --list > /tmp/programs
    grep '/xdp_flowtable ' /tmp/programs ||
        die "the program xdp_flowtable is not loaded"
    before=$(traffic_redirected)
    traffic_ping $PINGS
    # Each ping goes two ways.  A flow may expire in between.
    expect_redirected "$before" $((2 * PINGS - 5))
    echo "XDP carried $((after - before)) packets of $PINGS pings"
}

# A TCP connection of a megabyte arrives whole, by way of XDP.
traffic_offload_tcp () {
    head -c 1000000 /dev/urandom > /tmp/sent
    before=$(traffic_redirected)
    # busybox's nc ends when its input does: keep the server's open.
    sleep 1000 | ip netns exec right nc -l -p 5001 > /tmp/received &
    sleep 2
    ip netns exec left sh -c \
        '{ cat /tmp/sent; sleep 1000; } | nc 10.1.1.2 5001' > /dev/null &
    waited=0
    until test "$(wc -c < /tmp/received)" -ge 1000000; do
        waited=$((waited + 1))
        test $waited -le 30 || die "the TCP transfer does not end"
        sleep 1
    done
    cmp /tmp/sent /tmp/received || die "TCP data arrived damaged"
    # A megabyte is at least 685 segments of 1,460 bytes.
    expect_redirected "$before" 650
    echo "XDP carried $((after - before)) packets of 1 MB over TCP"
}

# The same over IPv6, neighbour discovery included.
traffic_offload_ipv6 () {
    n=0
    for side in left right; do
        n=$((n + 1))
        echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6 || :
        ip -n $side addr add fd01::$n/64 dev p-$side nodad
    done
    for i in 1 2 3 4 5; do
        if ip netns exec left ping -c 2 -W 2 fd01::2 &&
           ovs-appctl dpctl/dump-flows type=offloaded | grep -q 0x86dd; then
            break
        fi
    done
    before=$(traffic_redirected)
    traffic_ping $PINGS fd01::2
    expect_redirected "$before" $((2 * PINGS - 5))
    echo "XDP carried $((after - before)) packets of $PINGS pings"
}

# XDP sends each packet to two ports, the second copy with other headers.
traffic_offload_copies () {
    ip link add v-third numrxqueues 1 numtxqueues 1 type veth \
        peer name p-third numrxqueues 1 numtxqueues 1
    ip netns add third
    ip link set p-third netns third
    ip netns exec third ethtool -K p-third tx off txvlan off gro on
    ip -n third link set p-third up
    ip link set v-third up
    vsctl add-port br0 v-third -- set interface v-third \
        type=afxdp options:xdp-mode=native
    ovs-ofctl add-flow br0 "priority=100,in_port=v-left,icmp,\
actions=v-right,mod_nw_tos:32,mod_dl_dst:02:00:00:00:00:33,v-third"
    for i in 1 2 3 4 5; do
        if ip netns exec left ping -c 2 -W 2 10.1.1.2 &&
           ovs-appctl dpctl/dump-flows type=offloaded | grep -q 'set(ipv4'
        then
            break
        fi
    done
    before=$(traffic_counter 20)
    got=$(traffic_third_received)
    traffic_ping $PINGS
    after=$(traffic_counter 20)
    got=$(($(traffic_third_received) - got))
    # Two copies of each request.
    if test $((after - before)) -lt $((2 * PINGS - 5)) ||
       test $got -lt $((PINGS - 3)); then
        ovs-appctl xdp/show
        ovs-appctl xdp/refused
        die "XDP sent $((after - before)) copies, $got arrived at the third"
    fi
    ovs-ofctl del-flows br0 in_port=v-left,icmp
    echo "XDP sent $((after - before)) copies of $PINGS requests"
}

# Prints how many packets have arrived at p-third.
traffic_third_received () {
    ip netns exec third cat /proc/net/dev | awk '/p-third:/ { print $3 }'
}

# XDP pushes and pops VLAN tags between an access port and a trunk port.
traffic_offload_vlan () {
    vsctl set port v-left tag=10
    ip -n right link add link p-right name vlan10 type vlan id 10
    ip -n right addr flush dev p-right
    ip -n right addr add 10.1.1.2/24 dev vlan10
    ip -n right link set vlan10 up
    ovs-appctl revalidator/purge
    for i in 1 2 3 4 5; do
        if ip netns exec left ping -c 2 -W 2 10.1.1.2 &&
           ovs-appctl dpctl/dump-flows type=offloaded | grep -q push_vlan
        then
            break
        fi
    done
    before=$(traffic_redirected)
    traffic_ping $PINGS
    expect_redirected "$before" $((2 * PINGS - 5))
    ovs-appctl dpctl/dump-flows type=offloaded > /tmp/flows
    grep -q 'actions:.*push_vlan' /tmp/flows ||
        die "no offloaded flow with push_vlan"
    grep -q 'actions:.*pop_vlan' /tmp/flows ||
        die "no offloaded flow with pop_vlan"
    echo "XDP carried $((after - before)) packets of $PINGS pings"
}

# OVS ends without leaving a program behind.
traffic_stop () {
    ! grep -E '\|(ERR|EMER)\|' $LOG || :
    ovs-appctl exit
    i=0
    while pidof ovs-vswitchd > /dev/null; do
        i=$((i + 1))
        test $i -lt 30 || die "ovs-vswitchd does not exit"
        sleep 1
    done
    left=$(xdp-load --list)
    test -z "$left" || die "programs are left over: $left"
    echo "no program left over"
}
