# SPDX-License-Identifier: Apache-2.0
"""Scenarios of the data plane: how many packets are forwarded, and what one
of them costs."""

import contextlib
import json

from .chain import IN, OUT, Chain, cost, rate
from .contenders import (AGAINST, CONTENDERS, HINTS_OFF, Running, in_turn,
                         redirect, title, tools_of)
from .provider import provider
from .scenarios import scenario
from .system import NETNS, Failure, ip, namespace

FLOWS = 10000
MASKS = 1, 8, 64
COST_MASKS = 1, 2, 4, 8, 16, 32, 64, 128, 256
ORDERS = 'uniform', 'zipf'
PORTS = 2, 16, 128, 500
FLOOD_PORTS = 8

CHAIN_UNIT = 'Mpackets/s'
COST_UNIT = 'ns more than a bare redirect'

# Contenders of which the cost of a packet can be measured.
IN_XDP = 'offload', AGAINST, 'nohints'


def versions(context):
    """Returns the contenders that are this offload, or an earlier version of
    it."""
    return ['offload'] + [AGAINST] * (AGAINST in context.contenders)


def contenders_of_provider(context):
    """Returns the contenders that the provider alone can be, with their
    settings."""
    settings = {name: [] for name in versions(context)}
    if 'nohints' in context.contenders:
        settings['nohints'] = [HINTS_OFF]
    return settings


def rates_and_costs(context, name, title_of_rates, title_of_costs):
    """Returns two tables of results, 'name' and 'name'-cost: what is
    forwarded, and what a packet costs in the XDP program."""
    return (context.results.scenario(name, title_of_rates, CHAIN_UNIT),
            context.results.scenario(f'{name}-cost', title_of_costs,
                                     COST_UNIT, better='lower', digits=1))


def sample(context, tables, case, name, chain, running, pair, moves=False,
           **pattern):
    """Adds to 'tables', which rates_and_costs() returned, what contender
    'name' forwards from 'pair' and, if it does that in XDP, the cost.  'moves'
    and 'pattern' are as in cost()."""
    rates, costs = tables
    mpps = rate(chain, running, context.disturbed, pairs=[pair], **pattern)
    rates.add(case, name, mpps)
    text = f'{case}, {title(name)}: {mpps:.3f} Mpackets/s'
    if name in IN_XDP:
        _, ns = cost(context.tools, context.options, pair.port_in,
                     moves=moves, **pattern)
        costs.add(case, name, ns)
        text += f', {ns:.0f} {COST_UNIT}'
    context.progress(text)


@scenario('one', 'one flow, all contenders')
def one_flow(context):
    """One flow between two ports, by each contender in turn."""
    tables = rates_and_costs(context, 'one', 'One flow of 64-byte UDP packets',
                             'One flow: a packet in the XDP program')
    with namespace(NETNS):
        for name in in_turn(context, context.options.rounds,
                            context.contenders):
            with Chain(context.tools, context.options) as chain, \
                    CONTENDERS[name](context.tools, context.options,
                                     (IN, OUT)) as running:
                sample(context, tables, 'one flow', name, chain, running,
                       chain.pairs[0])


def masks_case(n_masks, order):
    return f'{n_masks} mask{"s" * (n_masks > 1)}, {order}'


@contextlib.contextmanager
def beside_bare(context, **kwargs):
    """Makes a chain whose first pair of ports is for a contender, and whose
    second one has a bare redirect.  So the two can be measured right after
    each other, again and again, without making either anew.  Yields the chain
    and a function that returns the rate of the bare redirect."""
    with Chain(context.tools, context.options, n_pairs=2, **kwargs) as chain:
        pair = chain.pairs[1]
        with redirect(context.tools, (pair.port_in, pair.port_out)):
            yield chain, lambda **pattern: rate(
                chain, Running(), context.disturbed, pairs=[pair], **pattern)


@scenario('masks', '10,000 flows over 1, 8, 64 masks')
def masks(context):
    """10,000 flows, all active, over a few or many masks."""
    rates = context.results.scenario(
        'masks', f'{FLOWS:,} flows, all active', CHAIN_UNIT)
    with namespace(NETNS), beside_bare(context) as (chain, bare):
        for _ in range(context.options.rounds_short):
            for name, settings in contenders_of_provider(context).items():
                with provider(tools_of(context, name), *settings) as table:
                    table.add_port(IN)
                    table.add_port(OUT)
                    running = Running(check=table.check)
                    for n_masks in MASKS:
                        table.put('put', IN, OUT, 0, FLOWS, n_masks,
                                  offloaded=FLOWS)
                        for order in ORDERS:
                            case = masks_case(n_masks, order)
                            pattern = {'flows': FLOWS, 'order': order}
                            if name == 'offload':
                                rates.add(case, 'bare', bare(**pattern))
                            mpps = rate(chain, running, context.disturbed,
                                        pairs=chain.pairs[:1], **pattern)
                            rates.add(case, name, mpps)
                            context.progress(f'{case}, {title(name)}: '
                                             f'{mpps:.3f} Mpackets/s')
                        table('delete', IN, 0, FLOWS)


@scenario('cost-masks', 'cost against number of masks')
def cost_by_masks(context):
    """What one packet costs while the table has more and more masks."""
    costs = context.results.scenario(
        'cost-masks', f'A packet of {FLOWS // 10:,} flows, by number of '
        f'masks', COST_UNIT, better='lower', digits=1)
    runs = max(context.options.cost_runs // 2, 2)
    with namespace(NETNS), Chain(context.tools, context.options):
        for i in range(context.options.rounds):
            for name, settings in contenders_of_provider(context).items():
                if i and name == 'nohints':
                    # The differences are large and take long.
                    continue
                with provider(tools_of(context, name), *settings) as table:
                    table.add_port(IN)
                    table.add_port(OUT)
                    for n_masks in COST_MASKS:
                        n = FLOWS // 10
                        table.put('put', IN, OUT, 0, n, n_masks, offloaded=n)
                        _, ns = cost(context.tools, context.options, IN, runs,
                                     flows=n)
                        costs.add(n_masks, name, ns)
                        table('delete', IN, 0, n)
                        context.progress(f'{n_masks} masks, {title(name)}: '
                                         f'{ns:.0f} ns')


@scenario('ports', '2, 16, 128, 500 ports')
def ports(context):
    """All ports forward, half of them to the other half."""
    rates = context.results.scenario(
        'ports', 'All ports forward', CHAIN_UNIT)
    adding = context.results.scenario(
        'ports-add', 'Adding a port to the offload, without AF_XDP itself',
        'ms', better='lower')
    removing = context.results.scenario(
        'ports-remove', 'Removing a port from the offload', 'ms',
        better='lower')
    memory = context.results.scenario(
        'ports-memory', 'Memory of the offload by number of ports', 'MB',
        better='lower', digits=1)
    with namespace(NETNS), Chain(context.tools, context.options,
                                 n_pairs=max(PORTS) // 2) as chain:
        for _ in range(context.options.rounds_short):
            for n_ports in PORTS:
                pairs = chain.pairs[:n_ports // 2]
                with redirect(context.tools, *((pair.port_in, pair.port_out)
                                               for pair in pairs)):
                    mpps = rate(chain, Running(), context.disturbed,
                                pairs=pairs)
                rates.add(f'{n_ports} ports', 'bare', mpps)
                context.progress(f'{n_ports} ports, {title("bare")}: '
                                 f'{mpps:.3f} Mpackets/s')
            for name in versions(context):
                with provider(tools_of(context, name)) as table:
                    grow_ports(context, table, name, chain, rates, adding,
                               memory)
                    results_of_programs(context, table, name)
                    last = chain.pairs[-1].port_in
                    removing.add(f'port number {max(PORTS)}', name,
                                 table('del-port', last)['ns'] / 1e6)


def grow_ports(context, table, name, chain, rates, adding, memory):
    """Adds the ports of 'chain' to 'table', and measures how many packets
    contender 'name' forwards while it has more and more of them."""
    done = 0
    for n_ports in PORTS:
        pairs = chain.pairs[:n_ports // 2]
        for pair in pairs[done:]:
            for port in pair.port_in, pair.port_out:
                ms = table.add_port(port) / 1e6
                number = len(table.ports)
                if number in (2, 100, 500):
                    adding.add(f'port number {number}', name, ms)
            table.put('put-any', pair.port_in, pair.port_out, offloaded=1)
        done = len(pairs)
        mpps = rate(chain, Running(check=table.check), context.disturbed,
                    pairs=pairs)
        rates.add(f'{n_ports} ports', name, mpps)
        kernel, process = table.memory()
        memory.add(f'{n_ports} ports, maps', name, kernel / 1e6)
        memory.add(f'{n_ports} ports, process', name, process / 1e6)
        context.progress(f'{n_ports} ports, {title(name)}: {mpps:.3f} '
                         f'Mpackets/s')


def results_of_programs(context, table, name):
    """Notes how many programs contender 'name' has on the ports of 'table',
    and how large."""
    programs = {link['xdp']['prog']['id']
                for link in json.loads(ip('-j', 'link'))
                if link['ifname'] in table.ports and 'xdp' in link}
    context.results.scenario(
        'ports-programs', 'Programs on all ports', 'programs',
        better='lower', digits=0).add(f'{len(table.ports)} ports', name,
                                      len(programs))
    context.results.scenario(
        'verifier', 'Instructions that the verifier looked at',
        'instructions', better='lower', digits=0).add(
            'largest program', name, table('programs')['instructions'])


# Names of actions, and how the datapath has them: '{out}' stands for the
# number of the port that the packet leaves through, '{all}' for those that it
# is flooded to.  In the same order: does the frame have a VLAN tag; are the
# headers moved, so that the cost has to be measured accordingly.
ACTIONS = {
    'output': ('{out}', False, False),
    'VLAN push': ('push_vlan(vid=7,pcp=0),{out}', False, True),
    'VLAN pop': ('pop_vlan,{out}', True, True),
    'VLAN translation': ('pop_vlan,push_vlan(vid=8,pcp=0),{out}', True, True),
    'set-field': ('set(ipv4(src=10.99.0.1,dst=11.99.0.1)),{out}', False,
                  False),
    'routing': ('set(eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)),'
                'set(ipv4(ttl=63)),{out}', False, False),
    'flood to 8 ports': ('{all}', False, False),
    'one recirculation': ('recirc(1)', False, False),
}


def put_actions(table, actions, vlan):
    """Makes the flow of IN one with 'actions'."""
    out = table.ports[OUT]
    every = [str(number) for port, number in table.ports.items()
             if port != IN]
    flows = [(0, 0, actions.format(out=out, all=','.join(every)))]
    if 'recirc' in actions:
        flows.insert(0, (1, 1, str(out)))
    for index, recirc, text in flows:
        table('flow', IN, index, recirc, int(vlan), text)
    offloaded = table('flow', IN, *flows[-1][:2], int(vlan),
                      flows[-1][2])['offloaded']
    if offloaded != len(flows):
        raise Failure(f'{actions}: not in XDP')
    return [index for index, _, _ in flows]


@scenario('actions', 'VLAN push, pop, translation, set-field, routing, flood, '
          'recirculation')
def actions(context):
    """One flow with more than one output as its actions."""
    rates, costs = rates_and_costs(context, 'actions',
                                   'One flow with other actions',
                                   'A packet with other actions')
    with namespace(NETNS), \
            Chain(context.tools, context.options,
                  extra_outs=FLOOD_PORTS - 1) as chain:
        for _ in range(context.options.rounds_short):
            for name in versions(context):
                with provider(tools_of(context, name)) as table:
                    for port in (IN, OUT, *(pair.port_out
                                            for pair in chain.extra)):
                        table.add_port(port)
                    for case in ACTIONS:
                        measure_actions(context, table, name, chain, case,
                                        rates, costs)


def measure_actions(context, table, name, chain, case, rates, costs):
    """Measures the actions 'case' of contender 'name'."""
    text, vlan, moves = ACTIONS[case]
    installed = put_actions(table, text, vlan)
    # Packets are counted where they arrive: each copy.
    mpps = rate(chain, Running(), context.disturbed, vlan=vlan)
    rates.add(case, name, mpps)
    _, ns = cost(context.tools, context.options, IN, vlan=vlan, moves=moves)
    costs.add(case, name, ns)
    if moves:
        # The plain output of the same frames, to compare with.
        put_actions(table, '{out}', vlan)
        _, plain = cost(context.tools, context.options, IN, vlan=vlan)
        costs.add(f'output of the frames of "{case}"', name, plain)
    for index in installed:
        table('delete', IN, index, 1)
    context.progress(f'{case}, {title(name)}: {mpps:.3f} Mpackets/s, '
                     f'{ns:.0f} ns')


@scenario('churn', 'forwarding while flows are replaced')
def churn(context):
    """10,000 flows are active while as many others are replaced each
    second."""
    rates = context.results.scenario(
        'churn', f'{FLOWS:,} active flows while others are replaced',
        CHAIN_UNIT)
    with namespace(NETNS), Chain(context.tools, context.options) as chain:
        for _ in range(context.options.rounds):
            for name in versions(context):
                with provider(tools_of(context, name)) as table:
                    measure_churn(context, table, name, chain, rates)


def measure_churn(context, table, name, chain, rates):
    """Measures contender 'name' while nothing is replaced and then while
    something is."""
    table.add_port(IN)
    table.add_port(OUT)
    table.put('put', IN, OUT, 0, 2 * FLOWS, 8, offloaded=2 * FLOWS)
    running = Running(check=table.check)
    mpps = rate(chain, running, context.disturbed, flows=FLOWS)
    rates.add('quiet', name, mpps)
    table('churn', IN, OUT, FLOWS, FLOWS, 8, FLOWS)
    busy = rate(chain, running, context.disturbed, flows=FLOWS)
    done = table('churn-stop')
    rates.add(f'{FLOWS:,} flows replaced a second', name, busy)
    replaced = done['replaced'] / done['ns'] * 1e9
    context.results.scenario(
        'churn-rate', 'Flows replaced a second meanwhile', 'flows/s',
        digits=0).add('asked for 10,000', name, replaced)
    context.progress(f'{title(name)}: quiet {mpps:.3f}, with {replaced:.0f} '
                     f'flows replaced a second {busy:.3f} Mpackets/s')


@scenario('cpus', 'two CPUs at once')
def two_cpus(context):
    """Two sources on two CPUs, one flow each, over devices with two
    queues."""
    rates = context.results.scenario(
        'cpus', 'One and two CPUs', CHAIN_UNIT)
    cpus = context.options.source_cpu, context.options.pmd_cpu
    with namespace(NETNS), beside_bare(context, n_queues=2) as (chain, bare):
        for _ in range(context.options.rounds):
            for name in versions(context):
                with provider(tools_of(context, name)) as table:
                    table.add_port(IN)
                    table.add_port(OUT)
                    table.put('put-any', IN, OUT, offloaded=1)
                    for n in 1, 2:
                        case = f'{n} CPU' + 's' * (n > 1)
                        if name == 'offload':
                            rates.add(case, 'bare', bare(cpus=cpus[:n]))
                        rates.add(case, name,
                                  rate(chain, Running(check=table.check),
                                       context.disturbed,
                                       pairs=chain.pairs[:1], cpus=cpus[:n]))
            context.progress(', '.join(
                f'{case}, {title(name)}: {values[-1]:.3f}'
                for case, by_name in rates.samples.items()
                for name, values in by_name.items()) + ' Mpackets/s')
