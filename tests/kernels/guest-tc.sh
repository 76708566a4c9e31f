# SPDX-License-Identifier: Apache-2.0
#
# Functions for 'guest-tests' that have the ports of guest-traffic.sh at tc, and
# real VLAN devices at their other ends, whose offloads are as the kernel makes
# them.

. /traffic.sh

# Counters of debug_stats.
GSO=45

tc () {
    /programs/tc "$@"
}

# Prints how many packets flows have carried from port $1.
tc_carried () {
    ovs-appctl xdp/show "$1" |
        sed -n 's/.*carried by XDP: packets \([0-9]*\),.*/\1/p'
}

# Prints the names of all companions.
tc_companions () {
    ip -o link show | sed -n 's/^[0-9]*: \(ovstc[^@:]*\).*/\1/p'
}

# Tells whether both ports are at tc, with a flow table.
tc_are_ports () {
    for side in left right; do
        ovs-appctl xdp/show v-$side > /tmp/show &&
            grep -q 'mode: tc' /tmp/show &&
            grep -q 'flow table: in use' /tmp/show || return 1
    done
}

# Shows what may tell why something failed, and dies of "$*".
tc_die () {
    tail -n 50 $LOG
    ovs-appctl xdp/show || :
    ovs-appctl xdp/refused || :
    ovs-appctl dpctl/dump-flows -m || :
    for side in left right; do
        ip netns exec $side cat /proc/net/snmp || :
        ip netns exec $side grep -v '[^0-9]0$' /proc/net/snmp6 || :
        ip -s link show dev v-$side || :
    done
    die "$*"
}

# Prints how many packets with wrong checksums have ever come to namespace $1.
# In /proc/net/snmp, the line before one with numbers has their names.
tc_wrong_sums () {
    ip netns exec "$1" cat /proc/net/snmp /proc/net/snmp6 > /tmp/snmp
    awk '/^[A-Za-z]+: [A-Z]/ { split($0, names); next }
         /^[A-Za-z]+: / {
             for (i = 2; i <= NF; i++) {
                 if (names[i] == "InCsumErrors") { n += $i; found++ }
             }
         }
         $1 ~ /InCsumErrors$/ { n += $2 }
         END { if (!found) { exit 1 } print n + 0 }' /tmp/snmp
}

# tc_carry ADDRESS STRING [NAMESPACE]
#
# Sends pings, and 3 megabytes over TCP in packets of many segments with
# unfinished checksums, from left to ADDRESS in NAMESPACE, or right, by flows of
# which one has STRING.
tc_carry () {
    ovs-appctl revalidator/purge
    traffic_ping_until "$1" "$2"
    gso=$(traffic_counter $GSO)
    carried=$(tc_carried v-left)
    traffic_ping 20 "$1"
    traffic_transfer "${3:-right}" "$1" 3000000
    gso=$(($(traffic_counter $GSO) - gso))
    carried=$(($(tc_carried v-left) - carried))
    # They are at least 2,055 segments of 1,460 bytes.  While there is no flow
    # for TCP yet, userspace forwards some.
    test $carried -ge 1500 || tc_die "flows carried only $carried packets"
    # How many depends on how slow the machine is, but the first ones are.
    test $gso -ge 1 || tc_die "no packet had several segments"
    echo "flows carried $carried packets from the left, $gso of many segments"
}

# Moves the ports to tc, where the left one pushes and pops the tag that the
# VLAN device at the right takes off and puts on.
tc_push_pop () {
    for side in left right; do
        vsctl set interface v-$side options:xdp-mode=tc
    done
    traffic_wait tc_are_ports || tc_die "the ports do not come to tc"
    # At XDP, what has an unfinished checksum leaves with a wrong one.
    for side in left right; do
        ip netns exec $side ethtool -K p-$side tx on txvlan on gro off
    done
    test "$(tc_companions | grep -c .)" = 4 ||
        tc_die "companions: $(tc_companions)"
    tc_carry 10.1.1.2 push_vlan
}

# VLAN devices at both ends: tags come beside the packets.
tc_vlan () {
    vsctl clear port v-left tag
    ip -n left link add link p-left name vlan10 type vlan id 10
    ip -n left addr flush dev p-left
    ip -n left addr add 10.1.1.1/24 dev vlan10
    ip -n left link set vlan10 up
    tc_carry 10.1.1.2 vid=10
}

# Two tags, the outer one of 802.1ad.
tc_qinq () {
    n=0
    for side in left right; do
        n=$((n + 1))
        ip -n $side link add link p-$side name outer \
            type vlan proto 802.1ad id 20
        ip -n $side link add link outer name inner type vlan id 30
        ip -n $side addr add 10.1.2.$n/24 dev inner
        ip -n $side link set outer up
        ip -n $side link set inner up
    done
    vsctl set Open_vSwitch . other_config:vlan-limit=2
    cat > /tmp/qinq-flows <<END
priority=0,actions=normal
dl_vlan=20,in_port=v-left,actions=v-right
dl_vlan=20,in_port=v-right,actions=v-left
END
    ovs-ofctl --bundle replace-flows br0 /tmp/qinq-flows
    tc_carry 10.1.2.2 vid=20
}

# tc_address_flows IPV4 IPV6
#
# Prints flows that let address 2 of both networks be 99 for the left.
tc_address_flows () {
    cat <<END
ip,in_port=v-left,nw_dst=$1.99,actions=mod_nw_dst:$1.2,v-right
ip,in_port=v-right,nw_dst=$1.1,actions=mod_nw_src:$1.99,v-left
ipv6,in_port=v-left,ipv6_dst=$2::99,actions=set_field:$2::2->ipv6_dst,v-right
ipv6,in_port=v-right,ipv6_dst=$2::1,icmp_type=128,actions=v-left
ipv6,in_port=v-right,ipv6_dst=$2::1,icmp_type=129,\
actions=set_field:$2::99->ipv6_src,v-left
tcp6,in_port=v-right,ipv6_dst=$2::1,\
actions=set_field:$2::99->ipv6_src,v-left
END
}

# tc_add_addresses DEVICE IPV4 IPV6
#
# Gives DEVICE at both ends an address in network IPV6, and has the left one
# know who is 99 there and in IPV4.
tc_add_addresses () {
    n=0
    for side in left right; do
        n=$((n + 1))
        ip netns exec $side sh -c \
            "echo 0 > /proc/sys/net/ipv6/conf/$1/disable_ipv6"
        ip -n $side addr add "$3::$n/64" dev "$1" nodad
    done
    mac=$(ip -br -n right link show dev p-right | awk '{ print $3 }')
    ip -n left neigh replace "$2.99" lladdr "$mac" dev "$1"
    ip -n left neigh replace "$3::99" lladdr "$mac" dev "$1"
}

# Addresses change, of IPv4 and of IPv6, in packets whose checksums are
# unfinished.  The right takes such packets as they are.  But v-right finishes
# the checksums of those with an inner tag, which do not skip that device, and
# the right looks at these.
tc_addresses () {
    tc_add_addresses vlan10 10.1.1 fd02
    tc_add_addresses inner 10.1.2 fd03
    {
        echo priority=0,actions=normal
        echo priority=1,dl_vlan=20,in_port=v-left,actions=v-right
        echo priority=1,dl_vlan=20,in_port=v-right,actions=v-left
        tc_address_flows 10.1.1 fd02
        tc_address_flows 10.1.2 fd03
    } > /tmp/address-flows
    ovs-ofctl --bundle replace-flows br0 /tmp/address-flows
    left=$(tc_wrong_sums left)
    right=$(tc_wrong_sums right)
    tc_carry 10.1.1.99 'dst=10.1.1.2'
    tc_carry fd02::99 'dst=fd02::2'
    ethtool -K v-right tx off
    tc_carry 10.1.2.99 'dst=10.1.2.2'
    tc_carry fd03::99 'dst=fd03::2'
    ethtool -K v-right tx on
    left=$(($(tc_wrong_sums left) - left))
    right=$(($(tc_wrong_sums right) - right))
    test "$left,$right" = 0,0 ||
        tc_die "$left checksums are wrong at the left, $right at the right"
    echo "no checksum is wrong"
}

# Tells whether companions are there, and none of those in /tmp/old.
tc_has_new_companions () {
    tc_companions > /tmp/new
    test "$(grep -c . /tmp/new)" = 4 && ! grep -q -F -f /tmp/old /tmp/new
}

# OVS dies.  What it leaves behind forwards nothing, and is gone when the next
# one is there.
tc_kill () {
    echo priority=0,actions=normal > /tmp/flows
    ovs-ofctl --bundle replace-flows br0 /tmp/flows
    tc_carry 10.1.1.2 vid=10
    tc_companions > /tmp/old
    kill -9 "$(cat $OVS_RUNDIR/ovs-vswitchd.pid)"
    traffic_wait traffic_no_vswitchd || die "ovs-vswitchd does not die"
    traffic_wait tc_is_cut || die "packets are forwarded without ovs-vswitchd"
    ovs-vswitchd --no-chdir --detach --log-file=$LOG --pidfile \
        --disable-system
    traffic_wait tc_are_ports || tc_die "the ports do not come back to tc"
    traffic_wait tc_has_new_companions || tc_die "companions: $(cat /tmp/new)"
    tc_carry 10.1.1.2 vid=10
}

# Tells whether no ping arrives, after a moment in which the kernel may take
# away what a process had.
tc_is_cut () {
    ! ip netns exec left ping -c 2 -W 2 10.1.1.2
}

# Tells whether the netkit port is at tc, with a flow table.
tc_is_netkit_port () {
    ovs-appctl xdp/show n-near > /tmp/show && grep -q 'mode: tc' /tmp/show &&
        grep -q 'flow table: in use' /tmp/show
}

# A container behind netkit instead of veth, whose port takes the tag off: in the
# default mode, it is at tc.
tc_netkit () {
    status=0
    netkit-pair n-near n-far || status=$?
    case $status in
        0) ;;
        77) echo "no netkit in this kernel"; exit 0 ;;
        *) die "no pair" ;;
    esac
    ip netns add kit
    ip link set n-far netns kit
    ip -n kit addr add 10.1.1.3/24 dev n-far
    ip -n kit link set n-far up
    ip link set n-near up
    vsctl add-port br0 n-near tag=10 -- set interface n-near type=afxdp
    traffic_wait tc_is_netkit_port || tc_die "netkit is not at tc"
    tc_carry 10.1.1.3 pop_vlan kit
    back=$(tc_carried n-near)
    test "$back" -ge 20 || tc_die "only $back packets came back by flows"

    vsctl del-port br0 n-near
    ip netns del kit
}

# Tells whether nothing of OVS is left at tc ingress: neither a program, nor a
# qdisc but where the user has a filter.
tc_is_clean () {
    tc qdisc show dev v-right > /tmp/qdiscs
    for side in left right; do
        bpftool net show dev v-$side
    done > /tmp/programs
    ! grep clsact /tmp/qdiscs && ! grep tc_ /tmp/programs
}

# Ports go, and what they had made, but not a qdisc that is the user's, too.
tc_stop () {
    tc qdisc show dev v-left | grep clsact || tc qdisc add dev v-left clsact
    tc filter add dev v-left egress pref 7 bpf bytecode '1,6 0 0 0'
    vsctl del-port br0 v-left -- del-port br0 v-right
    traffic_wait tc_is_clean || die "something is left"
    tc filter show dev v-left egress | grep 'pref 7 bpf' ||
        die "the user's filter has gone"
    test -z "$(tc_companions)" || die "companions: $(tc_companions)"
    echo "nothing is left but what the user has made"
}
