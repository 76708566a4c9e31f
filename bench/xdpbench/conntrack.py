# SPDX-License-Identifier: Apache-2.0
"""Connection tracking: packets of established TCP connections, connections
that come and go, and the table of those in XDP."""

import contextlib
import time

from .chain import IN, OUT, Chain, Pair, cost, rate
from .contenders import (SWITCHES, Running, in_turn, redirect, title,
                         tools_of)
from .dataplane import CHAIN_UNIT, COST_UNIT, results_of_programs, versions
from .provider import MIN_CARRIED, provider
from .scenarios import scenario
from .system import NETNS, Failure, in_netns, ip, namespace, run
from .vswitch import (AFXDP, COUNTER_CT, COUNTER_OUTPUT, COUNTER_PACKETS,
                      vswitch)

CONNS = 1, 10000
TABLE_CONNS = 100000, 1000000

# With room for those whose tuples happen to crowd one place.
MAX_CONNS = max(TABLE_CONNS) * 11 // 10

# The devices of both ends of connections; see bench/connections.c.  Apart from
# those of the chain, whose sink takes all packets.
HOSTS = Pair(7)

# What packets are sent through.  '{zone}' differs, lest one finds connections
# of the other.
PIPELINES = {
    'ct': ('ct(table=1,zone=1)', 'ct(commit,zone=1)'),
    'ct with NAT': ('ct(table=1,zone=2,nat)',
                    'ct(commit,zone=2,nat(src=12.0.0.1-12.0.255.254))'),
}

EST_TRK = 0x22      # Bits of ct_state.

# Name, actions of the first pass, and of the second one and the state that
# packets have in it.  As in ACTIONS of dataplane.py.
PASSES = {
    'output': ('{out}', None, 0),
    'recirculation': ('recirc(1)', '{out}', 0),
    'ct': ('ct(zone=1),recirc(1)', '{out}', EST_TRK),
    'ct with NAT': ('ct(zone=2,nat),recirc(1)', '{out}', EST_TRK),
}

# Those without connection tracking.
PLAIN = 'output', 'recirculation'

# Part of the packets that connection tracking in XDP has to have seen.  The
# counters of that and of packets are read one after the other, and far from
# each other, while packets come.
MIN_TRACKED = 0.9

# Flows whose packets follow each other at random: one is a train.
COST_FLOWS = 1, 64, 10000


def flows_case(n):
    return 'one flow' if n == 1 else f'{n:,} flows'


def conns_case(n, pipeline):
    return ('one connection' if n == 1 else f'{n:,} connections') + (
        '' if pipeline == 'ct' else ', NAT')


def tracks(tools):
    """Returns true if the offload at 'tools' has connection tracking."""
    return tools.offers('xdp-max-conns')


@contextlib.contextmanager
def hosts():
    """Makes the devices of HOSTS, whose far ends the stack receives from."""
    ip('-batch', '-', stdin='\n'.join(HOSTS.batch(1)) + '\n')
    for device in HOSTS.src, HOSTS.snk:
        run(*in_netns('ethtool', '-K', device, 'gro', 'on'))
    try:
        yield
    finally:
        for device in HOSTS.src, HOSTS.port_out:
            ip('link', 'del', device)


def set_pipeline(ovs, pipeline, pairs):
    """Sends TCP from the first port of each of 'pairs' to the second one, and
    back, by 'pipeline'."""
    first, commit = PIPELINES[pipeline]
    flows = []
    for pair in pairs:
        a, b = pair.port_in, pair.port_out
        flows += [f'in_port={a},tcp,actions={first}',
                  f'in_port={b},tcp,actions={first}',
                  f'table=1,in_port={a},tcp,ct_state=+trk+new,actions='
                  f'{commit},output:{b}',
                  f'table=1,in_port={a},tcp,ct_state=+trk+est,actions='
                  f'output:{b}',
                  f'table=1,in_port={b},tcp,ct_state=+trk+est,actions='
                  f'output:{a}']
    ovs.appctl('dpctl/flush-conntrack')
    ovs.set_flows(*flows)


def connections(context, *args):
    """Runs bench/connections with 'args'.  Returns how many connections were
    completed, in how many seconds, and how many were given up."""
    done, seconds, given_up = run(*in_netns(
        context.tools.bench / 'connections',
        f'--cpu={context.options.source_cpu}', *args, HOSTS.src,
        HOSTS.snk)).split()
    return int(done), float(seconds), int(given_up)


def establish(context, n):
    """Opens the connections of flows 0 to 'n' - 1."""
    done, _, _ = connections(context, '--keep', f'--number={n}')
    if done != n:
        raise Failure(f'only {done} of {n} connections were established')


def check_carried(ovs):
    """Returns a check that packets went through connection tracking, in XDP
    if the offload is on."""
    before = {}

    def check():
        if not ovs.offload:
            flows = ovs.appctl('dpctl/dump-flows', '-m')
            if 'dp:xdp' in flows or 'ct(' not in flows:
                raise Failure(f'the flows are not in userspace: {flows}')
            return
        now = ovs.debug_stats()
        if before:
            seen, output, tracked = (
                now[i] - before[i]
                for i in (COUNTER_PACKETS, COUNTER_OUTPUT, COUNTER_CT))
            if (output < MIN_CARRIED * seen or not seen
                    or tracked < MIN_TRACKED * seen):
                raise Failure(f'XDP saw {seen} packets, found connections of '
                              f'{tracked} and forwarded {output}; ' +
                              ovs.appctl('xdp/show') + ovs.why_not())
        before.update(now)
    return check


@scenario('conntrack', 'connection tracking')
def conntrack(context):
    """Packets of established connections, new ones, and a full table."""
    with namespace(NETNS):
        rates_of_connections(context)
        costs_of_passes(context)
        table_of_connections(context)


def rates_of_connections(context):
    """Forwards packets of established connections, and opens new ones, with
    ovs-vswitchd."""
    rates = context.results.scenario(
        'conntrack', 'Packets of established TCP connections', CHAIN_UNIT)
    opened = context.results.scenario(
        'conntrack-new', 'TCP connections opened, used and closed',
        'connections/s', digits=0)
    work = context.results.scenario(
        'conntrack-work', 'Time of the PMD thread for each of these', 'us',
        better='lower', digits=1)
    for name in in_turn(context, context.options.rounds_short, SWITCHES):
        tools = tools_of(context, name)
        if not tracks(tools):
            continue
        with Chain(context.tools, context.options, n_pairs=2) as chain, \
                hosts(), \
                redirect(context.tools, (chain.pairs[1].port_in,
                                         chain.pairs[1].port_out)), \
                vswitch(tools, context.options, SWITCHES[name]) as ovs:
            pairs = chain.pairs[0], HOSTS
            for pair in pairs:
                for port in pair.port_in, pair.port_out:
                    ovs.add_port(port, *AFXDP)
            thread = None if ovs.offload else ovs.pmd_thread()
            for pipeline in PIPELINES:
                for n in CONNS:
                    set_pipeline(ovs, pipeline, pairs)
                    establish(context, n)
                    case = conns_case(n, pipeline)
                    running = Running(thread, check_carried(ovs), ovs)
                    pattern = {'tcp': True, 'flows': n}
                    if name == 'offload':
                        rates.add(case, 'bare', rate(
                            chain, Running(), context.disturbed,
                            pairs=chain.pairs[1:], **pattern))
                    mpps = rate(chain, running, context.disturbed,
                                pairs=chain.pairs[:1], **pattern)
                    rates.add(case, name, mpps)
                    context.progress(f'{case}, {title(name)}: {mpps:.3f} '
                                     f'{CHAIN_UNIT}')
                set_pipeline(ovs, pipeline, pairs)
                open_and_close(context, ovs, name, pipeline, opened, work)


def open_and_close(context, ovs, name, pipeline, opened, work):
    """Adds to 'opened' how many connections a second contender 'name' lets
    through, and to 'work' for how long the PMD thread works for each."""
    connections(context, '--number=100')
    ovs.appctl('dpif-netdev/pmd-stats-clear')
    begin = time.monotonic()
    done, seconds, given_up = connections(context, '--first=1000',
                                          '--seconds=2')
    busy = busy_part(ovs) * (time.monotonic() - begin)
    opened.add(pipeline, name, done / seconds)
    work.add(pipeline, name, busy / done * 1e6)
    context.progress(f'{pipeline}, {title(name)}: {done / seconds:,.0f} '
                     f'connections a second, {given_up} given up; the PMD '
                     f'thread works for {busy / done * 1e6:.1f} us for each')


def busy_part(ovs):
    """Returns for which part of the time, since its statistics were cleared,
    the PMD thread had something to do."""
    for line in ovs.appctl('dpif-netdev/pmd-stats-show').splitlines():
        if 'processing cycles:' in line:
            return float(line.split('(')[1].split('%')[0]) / 100
    raise Failure('no PMD thread has statistics; ' + ovs.why_not())


def put_passes(table, name, pair=Pair()):
    """Makes the flows from one port of 'pair' to the other those of 'name' of
    PASSES."""
    first, second, state = PASSES[name]
    port, out = pair.port_in, table.ports[pair.port_out]
    flows = [(0, 0, 0, first.format(out=out))]
    if second:
        flows.insert(0, (1, 1, state, second.format(out=out)))
    for index, recirc, ct_state, text in flows:
        offloaded = table('flow', port, index, recirc, 0, text,
                          *[ct_state] * bool(ct_state))['offloaded']
    if offloaded != len(flows):
        raise Failure(f'{name}: not in XDP')


def remove_passes(table, name, pair=Pair()):
    """Removes what put_passes() put."""
    n_flows = 2 if PASSES[name][1] else 1
    table('delete', pair.port_in, 0, n_flows)


def costs_of_passes(context):
    """What a packet costs that is output, is recirculated, or goes through
    connection tracking before, by each version in turn."""
    costs = context.results.scenario(
        'conntrack-cost', 'A pass of connection tracking', COST_UNIT,
        better='lower', digits=1)
    names = versions(context)
    with Chain(context.tools, context.options, n_pairs=len(names)) as chain, \
            contextlib.ExitStack() as stack:
        tables = []
        for name, pair in zip(names, chain.pairs):
            tools = tools_of(context, name)
            table = stack.enter_context(provider(tools))
            table.add_port(pair.port_in)
            table.add_port(pair.port_out)
            if tracks(tools):
                for nat in 0, 1:
                    table('conns', nat, 0, max(COST_FLOWS))
            tables.append((name, table, pair))
        for _ in range(context.options.rounds_short):
            for n in COST_FLOWS:
                for what in PASSES:
                    cost_of_pass(context, tables, what, n, costs)
        for name, table, _ in tables:
            results_of_programs(context, table, name)


def cost_of_pass(context, tables, what, n, costs):
    """Adds to 'costs' what a packet of 'n' flows with the passes 'what' costs
    each of 'tables'."""
    for name, table, pair in tables:
        if what in PLAIN or tracks(tools_of(context, name)):
            put_passes(table, what, pair)
            _, ns = cost(context.tools, context.options, pair.port_in,
                         tcp=True, flows=n)
            costs.add(f'{what}, {flows_case(n)}', name, ns)
            remove_passes(table, what, pair)
            context.progress(f'{what}, {flows_case(n)}, {title(name)}: '
                             f'{ns:.1f} ns')


def table_of_connections(context):
    """Fills the table of connections, without OVS's connection tracker."""
    speed = context.results.scenario(
        'conntrack-entries', 'Connections inserted for XDP, a second',
        'entries/s', digits=0)
    memory = context.results.scenario(
        'conntrack-memory', 'Memory for a connection', 'bytes',
        better='lower', digits=0)
    costs = context.results.scenario(
        'conntrack-cost', 'A pass of connection tracking', COST_UNIT,
        better='lower', digits=1)
    with Chain(context.tools, context.options), \
            provider(context.tools, f'xdp-max-conns={MAX_CONNS}') as table:
        table.add_port(IN)
        table.add_port(OUT)
        empty = table.memory()[1]
        done = 0
        for size in TABLE_CONNS:
            n = size - done
            result = table('conns', 0, done, n)
            done = size
            if result['conns'] < size * 0.999:
                raise Failure(f'only {result["conns"]} of {size} connections '
                              f'are in the table')
            speed.add(f'{size:,} connections', 'offload',
                      n / result['ns'] * 1e9)
            context.progress(
                f'{size:,} connections: {n / result["ns"] * 1e9:,.0f} '
                f'inserted a second, the slowest in '
                f'{result["longest"] / 1e6:.1f} ms, {result["conns"]:,} in '
                f'the table')
        memory.add(f'of up to {MAX_CONNS:,}, maps', 'offload',
                   result['memory'] / MAX_CONNS)
        memory.add(f'of {done:,}, process', 'offload',
                   (table.memory()[1] - empty) / done)
        put_passes(table, 'ct')
        for n in TABLE_CONNS:
            _, ns = cost(context.tools, context.options, IN, tcp=True,
                         flows=n)
            costs.add(f'ct, {flows_case(n)}', 'offload', ns)
            context.progress(f'ct, {n:,} active connections: {ns:.0f} ns')
        some = TABLE_CONNS[0]
        ns = table('withdraw', 0, 0, some)['ns']
        speed.add(f'withdrawn, of {done:,}', 'offload', some / ns * 1e9)
