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
PINGS=30

# Seconds to wait for something that is soon there on a quiet machine.
PATIENCE=120

die () {
    echo "$*" >&2
    exit 1
}

# busybox's shell takes applets of its own before programs in the PATH.
ip () {
    /programs/ip "$@"
}

vsctl () {
    timeout -s KILL 130 ovs-vsctl --timeout=$PATIENCE "$@"
}

# traffic_wait COMMAND...
#
# Runs COMMAND until it says yes.  Fails if it does not in time.
traffic_wait () {
    end=$(($(cut -d. -f1 /proc/uptime) + PATIENCE))
    until "$@"; do
        test "$(cut -d. -f1 /proc/uptime)" -le $end || return 1
        sleep 0.2
    done
}

# traffic_ping_until ADDRESS STRING
#
# Pings from left until there is an offloaded flow with STRING: the first
# packets install the flows, and ports may just be opened anew.  What comes of
# it, the caller finds out.
traffic_ping_until () {
    traffic_wait traffic_ping_offloaded "$@" || :
}
traffic_ping_offloaded () {
    ip netns exec left ping -c 2 -W 2 "$1" &&
        ovs-appctl dpctl/dump-flows type=offloaded | grep -q "$2"
}

# Starts OVS without the offload, with two afxdp ports on one bridge.
traffic_start () {
    mkdir -p $OVS_RUNDIR
    ovsdb-tool create $OVS_RUNDIR/conf.db /ovs/vswitch.ovsschema
    ovsdb-server --no-chdir --detach --log-file --pidfile \
        --remote=punix:$OVS_RUNDIR/db.sock $OVS_RUNDIR/conf.db
    # No flow may go in the middle of a check, however slow the machine is.
    # PMD threads leave its processors to others when they find nothing to do;
    # the name of the setting depends on the version.
    vsctl --no-wait init -- set Open_vSwitch . \
        other_config:max-idle=300000 other_config:min-revalidate-pps=1 \
        other_config:pmd-maxsleep=100 other_config:pmd-sleep-max=100
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
    ip netns exec left ping -c "$1" -i 0.05 -W $PATIENCE "${2:-10.1.1.2}" > /tmp/ping ||
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
    traffic_ping_until 10.1.1.2 0x0800
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

# Tells whether somebody listens on TCP port 5001, 0x1389, in namespace $1.
traffic_listens () {
    ip netns exec "$1" cat /proc/net/tcp /proc/net/tcp6 2> /dev/null |
        grep -q ':1389 .* 0A '
}

# Tells whether $1 bytes have arrived.
traffic_received () {
    test "$(wc -c < /tmp/received)" -ge "$1"
}

# traffic_transfer NAMESPACE ADDRESS BYTES
#
# Sends so many bytes over TCP from left to ADDRESS, which is in NAMESPACE.
# They must arrive whole.
traffic_transfer () {
    head -c "$3" /dev/urandom > /tmp/sent
    # busybox's nc ends when its input does: keep the server's open.
    sleep 1000 | ip netns exec "$1" nc -l -p 5001 > /tmp/received &
    traffic_wait traffic_listens "$1" || die "nobody listens on port 5001"
    # In a single write: nc writes a kilobyte at a time, of which TCP makes
    # packets of several segments only if it is faster than the network.
    ip netns exec left nc "$2" 5001 -e dd if=/tmp/sent bs="$3" count=1 &
    traffic_wait traffic_received "$3" || die "the TCP transfer does not end"
    cmp /tmp/sent /tmp/received || die "TCP data arrived damaged"
    # Whoever sleeps has a nc behind it.
    ip netns pids "$1" | xargs -r kill 2> /dev/null || :
}

# A TCP connection of a megabyte arrives whole, by way of XDP.
traffic_offload_tcp () {
    before=$(traffic_redirected)
    traffic_transfer right 10.1.1.2 1000000
    # A megabyte is at least 685 segments of 1,460 bytes.
    expect_redirected "$before" 650
    echo "XDP carried $((after - before)) packets of 1 MB over TCP"
}

# Sends each packet of IP through the connection tracker.  TCP connections from
# left come from 10.1.1.77 for those at the right.
traffic_ct_flows () {
    mac=$(ip -br -n left link show dev p-left | awk '{ print $3 }')
    ip -n right neigh replace 10.1.1.77 lladdr "$mac" dev p-right
    cat > /tmp/ct-flows <<END
priority=0,actions=normal
priority=10,ip,actions=ct(table=1,zone=3,nat)
table=1,priority=20,ct_state=+trk+new,tcp,in_port=v-left,\
actions=ct(commit,zone=3,nat(src=10.1.1.77)),normal
table=1,priority=10,ct_state=+trk+new,ip,actions=ct(commit,zone=3),normal
table=1,priority=10,ct_state=+trk+est,ip,actions=normal
END
    ovs-ofctl --bundle replace-flows br0 /tmp/ct-flows
}

# expect_tracked BEFORE LEAST
expect_tracked () {
    after=$(traffic_counter 34)
    test $((after - $1)) -ge "$2" || {
        ovs-appctl dpctl/dump-flows -m
        ovs-appctl dpctl/dump-conntrack
        ovs-appctl xdp/show || :
        ovs-appctl xdp/refused || :
        bpftool map dump name debug_stats
        die "XDP tracked only $((after - $1)) packets, expected $2"
    }
}

# XDP carries pings, and then a TCP connection whose addresses are translated,
# of packets that it knows the connections of.
traffic_ct () {
    traffic_ping_until 10.1.1.2 'ct_state(.*+est'
    before=$(traffic_counter 34)
    traffic_ping $PINGS
    # The first two packets make the connection.
    expect_tracked "$before" $((2 * PINGS - 7))
    pings=$((after - before))
    before=$(traffic_counter 34)
    redirected=$(traffic_redirected)
    traffic_transfer right 10.1.1.2 1000000
    expect_tracked "$before" 650
    tracked=$((after - before))
    expect_redirected "$redirected" 650
    ovs-appctl dpctl/dump-conntrack | grep 'tcp.*10\.1\.1\.77' ||
        die "no address was translated"
}

traffic_offload_ct () {
    traffic_ct_flows
    traffic_ct
    echo "XDP tracked $pings packets of $PINGS pings, $tracked of TCP"
}

# The same with a program that looks at checksums.
traffic_offload_ct_checksum () {
    vsctl set Open_vSwitch . other_config:xdp-ct-checksum=true
    traffic_ct
    xdp-load --list > /tmp/programs
    sed 's,loaded/,checksum/,' /tmp/programs
    vsctl remove Open_vSwitch . other_config xdp-ct-checksum
    echo priority=0,actions=normal > /tmp/ct-flows
    ovs-ofctl --bundle replace-flows br0 /tmp/ct-flows
    echo "XDP tracked $pings packets of $PINGS pings, $tracked of TCP"
}

# The same over IPv6, neighbour discovery included.
traffic_offload_ipv6 () {
    n=0
    for side in left right; do
        n=$((n + 1))
        echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6 || :
        ip -n $side addr add fd01::$n/64 dev p-$side nodad
    done
    traffic_ping_until fd01::2 0x86dd
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
    traffic_ping_until 10.1.1.2 'set(ipv4'
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

# Adds a second bridge, whose local port has the addresses of one end of a
# tunnel, with a port to the namespace "far", which has the other end.
#
#     ns left: p-left -- v-left [br0] tun ... [br-phy] v-far -- p-far ... tun0
traffic_tunnel_start () {
    ip link add v-far numrxqueues 1 numtxqueues 1 type veth \
        peer name p-far numrxqueues 1 numtxqueues 1
    ip netns add far
    ip link set p-far netns far
    ip netns exec far ethtool -K p-far tx off txvlan off gro on
    ip link set v-far up
    vsctl add-br br-phy -- set bridge br-phy datapath_type=netdev \
        other-config:hwaddr=02:00:00:00:00:ee \
        -- add-port br-phy v-far -- set interface v-far \
        type=afxdp options:xdp-mode=native
    echo 0 > /proc/sys/net/ipv6/conf/br-phy/disable_ipv6
    ip addr add 172.31.1.100/24 dev br-phy
    ip addr add fd31::100/64 dev br-phy nodad
    ip link set br-phy up
    ip netns exec far sh -c \
        'echo 0 > /proc/sys/net/ipv6/conf/p-far/disable_ipv6'
    ip -n far addr add 172.31.1.1/24 dev p-far
    ip -n far addr add fd31::1/64 dev p-far nodad
    ip -n far link set p-far up
    for address in 172.31.1.100 fd31::100; do
        ip -n far neigh replace $address lladdr 02:00:00:00:00:ee dev p-far
    done
    errors=$(vsctl --bare --columns=error find interface type=afxdp)
    test -z "$errors" || die "$errors"
    traffic_wait traffic_routes ||
        { cat /tmp/routes; die "OVS has no route to the other end"; }
    echo "the underlay is there"
}

# Tells whether OVS knows the way to the other end.
traffic_routes () {
    ovs-appctl ovs/route/show > /tmp/routes &&
        grep -q 172.31.1.0/24 /tmp/routes && grep -q fd31::/64 /tmp/routes
}

# Pings, and a TCP stream, to and from the kernel's device for tunnel type $1,
# over IPv4 and over IPv6.
traffic_tunnel () {
    result=
    for near in 172.31.1.100 fd31::100; do
        far=${near%00}
        ends="local $far remote $near"
        options="options:key=123"
        case $1.$near in
            vxlan.*) link="vxlan id 123 dstport 4789 $ends" ;;
            geneve.*) link="geneve id 123 remote $near" ;;
            gre.1*) link="gretap key 123 $ends" ;;
            gre.*) link="ip6gretap key 123 $ends" ;;
            erspan.1*) link="erspan seq key 123 $ends erspan_ver 1 erspan 7" ;;
            *) link="ip6erspan seq key 123 $ends erspan_ver 1 erspan 7" ;;
        esac
        case $1.$near in
            erspan.*) options="$options options:erspan_ver=1
                               options:erspan_idx=7" ;;
            gre.*) ;;
            *.f*) options="$options options:csum=true" ;;
        esac
        ip -n far link del tun0 2> /dev/null || :
        # shellcheck disable=SC2086
        ip -n far link add tun0 address 02:00:00:00:00:10 type $link
        ip -n far addr add 10.1.1.9/24 dev tun0
        ip -n far link set tun0 mtu 1400 up
        # shellcheck disable=SC2086
        vsctl --if-exists del-port br0 tun -- add-port br0 tun \
            -- set interface tun type=$1 options:remote_ip="\"$far\"" $options
        traffic_wait traffic_tunnel_ready || :
        pushed=$(traffic_counter 28)
        popped=$(traffic_counter 29)
        traffic_ping 10 10.1.1.9
        traffic_transfer far 10.1.1.9 300000
        pushed=$(($(traffic_counter 28) - pushed))
        popped=$(($(traffic_counter 29) - popped))
        # 300 kB are 223 segments, and however few are answered, pings are.
        if test $pushed -lt 228 || test $popped -lt 20; then
            ovs-appctl dpctl/dump-flows -m
            ovs-appctl xdp/show
            ovs-appctl xdp/refused
            die "XDP pushed $pushed headers of $1 to $far, and popped $popped"
        fi
        result="$result $pushed/$popped"
    done
    echo "XDP pushed/popped${result} headers, over IPv4 and IPv6"
}

# Tells whether both directions through the tunnel are offloaded, after pings.
traffic_tunnel_ready () {
    ip netns exec left ping -c 2 -i 0.2 -W 2 10.1.1.9 || return 1
    ovs-appctl dpctl/dump-flows -m type=offloaded > /tmp/flows
    grep -q 'in_port(v-left).*0x0800.*tnl_push' /tmp/flows &&
        grep -q 'in_port(v-far).*tnl_pop' /tmp/flows &&
        grep -q 'tunnel(.*0x0800.*actions:v-left' /tmp/flows
}

# Takes the tunnel and its bridge away.
traffic_tunnel_stop () {
    vsctl del-br br-phy -- --if-exists del-port br0 tun
    ip -n far link del tun0
    flows=$(ovs-appctl dpctl/dump-flows type=offloaded | grep -E 'tunnel|tnl_') ||
        :
    test -z "$flows" || die "flows are left: $flows"
    echo "no flow of a tunnel left over"
}

# XDP pushes and pops VLAN tags between an access port and a trunk port.
traffic_offload_vlan () {
    vsctl set port v-left tag=10
    ip -n right link add link p-right name vlan10 type vlan id 10
    ip -n right addr flush dev p-right
    ip -n right addr add 10.1.1.2/24 dev vlan10
    ip -n right link set vlan10 up
    ovs-appctl revalidator/purge
    traffic_ping_until 10.1.1.2 push_vlan
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

traffic_no_vswitchd () {
    ! pidof ovs-vswitchd > /dev/null
}

traffic_no_program () {
    left=$(xdp-load --list)
    test -z "$left"
}

# OVS ends without leaving a program behind.
traffic_stop () {
    ! grep -E '\|(ERR|EMER)\|' $LOG || :
    ovs-appctl exit
    traffic_wait traffic_no_vswitchd || die "ovs-vswitchd does not exit"
    # The kernel frees a program some time after its last user has gone.
    traffic_wait traffic_no_program || die "programs are left over: $left"
    echo "no program left over"
}
