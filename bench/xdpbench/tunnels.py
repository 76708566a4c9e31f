# SPDX-License-Identifier: Apache-2.0
"""VXLAN: frames that go into a tunnel, and frames that come out of one.

    push:  IN [br0] -> vxlan ... [br-phy] OUT
    pop:   IN1 [br-phy] ... vxlan -> [br0] OUT1

The addresses of the tunnel are those of the source's frames (pattern.c).
"""

import time

from .chain import Chain
from .contenders import SWITCHES, Running, in_turn, tools_of
from .dataplane import rates_and_costs, sample
from .scenarios import scenario
from .system import NETNS, Failure, ip, namespace
from .vswitch import AFXDP, vswitch

REMOTE, REMOTE_MAC = '172.31.1.1', '02:00:00:00:00:99'
LOCAL, LOCAL_MAC = '172.31.1.100', '02:00:00:00:00:ee'
KEY = 123


def set_up(ovs, push, pop):
    """Makes the bridges, with the tunnel between them."""
    ovs.add_port(push.port_in, *AFXDP)
    ovs.add_port(pop.port_out, *AFXDP)
    ovs.vsctl('add-br', 'br-phy', '--', 'set', 'bridge', 'br-phy',
              'datapath_type=netdev', 'fail-mode=secure',
              f'other-config:hwaddr={LOCAL_MAC}')
    for port in push.port_out, pop.port_in:
        ovs.add_port(port, *AFXDP, bridge='br-phy')
    ip('address', 'add', f'{LOCAL}/24', 'dev', 'br-phy')
    ip('link', 'set', 'br-phy', 'up')
    ovs.add_port('tun', 'type=vxlan', f'options:remote_ip={REMOTE}',
                 f'options:key={KEY}')
    deadline = time.monotonic() + 10
    while '172.31.1.0/24' not in ovs.appctl('ovs/route/show'):
        if time.monotonic() > deadline:
            raise Failure('no route to the end of the tunnel; ' +
                          ovs.why_not())
        time.sleep(0.05)
    ovs.appctl('tnl/neigh/set', 'br-phy', REMOTE, REMOTE_MAC)
    ovs.set_flows(f'in_port={push.port_in},actions=output:tun',
                  f'in_port=tun,actions=output:{pop.port_out}')
    ovs.set_flows(f'in_port=LOCAL,actions=output:{push.port_out}',
                  f'in_port={pop.port_in},actions=LOCAL', bridge='br-phy')


def check_carried(ovs, wanted):
    """Returns a check that the datapath has flows with 'wanted' actions, in
    XDP if that is on."""
    def check():
        flows = ovs.appctl('dpctl/dump-flows', '-m')
        mine = [line for line in flows.splitlines()
                if wanted in line.split('actions:')[-1]]
        if not mine:
            raise Failure(f'no flow with {wanted}; {ovs.why_not()}')
        if ovs.offload and not all('dp:xdp' in line for line in mine):
            raise Failure(f'a flow with {wanted} is not offloaded: ' +
                          ovs.appctl('xdp/refused'))
    return check


@scenario('tunnels', 'VXLAN push and pop')
def tunnels(context):
    """One flow into a VXLAN tunnel, and one out of it."""
    tables = rates_and_costs(context, 'tunnels',
                             'One flow through a VXLAN tunnel',
                             'A packet through a VXLAN tunnel')
    with namespace(NETNS):
        for name in in_turn(context, context.options.rounds_short, SWITCHES):
            with Chain(context.tools, context.options, n_pairs=2) as chain, \
                    vswitch(tools_of(context, name), context.options,
                            SWITCHES[name]) as ovs:
                push, pop = chain.pairs
                set_up(ovs, push, pop)
                for case, pair, action, vxlan in (
                        ('push', push, 'tnl_push', False),
                        ('pop', pop, 'tnl_pop', True)):
                    running = Running(
                        None if ovs.offload else ovs.pmd_thread(),
                        check_carried(ovs, action))
                    sample(context, tables, case, name, chain, running, pair,
                           moves=True, vxlan=vxlan)
