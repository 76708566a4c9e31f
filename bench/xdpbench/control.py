# SPDX-License-Identifier: Apache-2.0
"""Scenarios of the control plane: installing and reading many flows, the
first packet of a flow, ports that come and go."""

import statistics
import time

from .chain import IN, OUT, SNK, SRC, Pair, cost, rate
from .contenders import (AGAINST, SWITCHES, Running, in_turn,
                         received_by_stack, title, tools_of)
from .dataplane import (CHAIN_UNIT, COST_UNIT, beside_bare,
                        contenders_of_provider)
from .provider import provider
from .scenarios import scenario
from .system import NETNS, Failure, in_netns, ip, namespace, run
from .vswitch import AFXDP, vswitch

# Flows in the table, and how many of them are active at most.
TABLE_SIZES = 10000, 100000, 200000, 1000000
ACTIVE = 1, 10, 100, 1000, 10000, 100000, 1000000
MANY_MASKS = 8

# Room for them, and for as many as can be deleted and not yet reclaimed.
MAX_FLOWS = max(TABLE_SIZES) + 4 * TABLE_SIZES[0]

# Ports added to a vswitch.
VSWITCH_PORTS = 32


@scenario('flows', '10,000 to 1,000,000 flows')
def many_flows(context):
    """A table that grows to a million flows."""
    results = context.results
    speed = results.scenario(
        'install', 'Flows through the provider, a second', 'flows/s',
        digits=0)
    reading = results.scenario(
        'statistics', 'Reading the statistics of all flows', 'ms',
        better='lower', digits=1)
    costs = results.scenario(
        'cost-flows', 'A packet, by number of active flows', COST_UNIT,
        better='lower', digits=1)
    rates = results.scenario(
        'million', f'{max(TABLE_SIZES):,} flows, all active', CHAIN_UNIT)
    memory = results.scenario(
        'memory', 'Memory for a flow', 'bytes', better='lower', digits=0)

    with namespace(NETNS), \
            beside_bare(context, extra_outs=1) as (chain, bare):
        other = chain.extra[0].port_out
        # There is no memory for two tables at once, so versions that are to be
        # compared take turns with the whole of it.
        rounds = (context.options.rounds_short
                  if AGAINST in context.contenders else 1)
        for i in range(rounds):
            for name, settings in contenders_of_provider(context).items():
                if i and name == 'nohints':
                    continue
                with provider(tools_of(context, name), *settings,
                              f'xdp-max-flows={MAX_FLOWS}') as table:
                    table.add_port(IN)
                    table.add_port(OUT)
                    table.add_port(other)
                    grow(context, table, name, other, speed, reading, memory)
                    active_flows(context, table, name, chain, bare, costs,
                                 rates)


def active_flows(context, table, name, chain, bare, costs, rates):
    """Measures what packets of 'table' cost contender 'name', and how many it
    forwards."""
    for n in ACTIVE:
        _, ns = cost(context.tools, context.options, IN, flows=n)
        costs.add(n, name, ns)
        context.progress(f'{n:,} active flows, {title(name)}: {ns:.0f} ns')
    for _ in range(context.options.rounds_short):
        if name == 'offload':
            rates.add('uniform', 'bare', bare(flows=max(TABLE_SIZES)))
        mpps = rate(chain, Running(check=table.check), context.disturbed,
                    pairs=chain.pairs[:1], flows=max(TABLE_SIZES))
        rates.add('uniform', name, mpps)
        context.progress(f'{max(TABLE_SIZES):,} flows, {title(name)}: '
                         f'{mpps:.3f} Mpackets/s')


def grow(context, table, name, other, speed, reading, memory):
    """Fills 'table', and measures how fast that is.  'other' is a second port
    to output to."""
    done = 0
    empty = table.memory()
    for size in TABLE_SIZES:
        n = size - done
        seconds = table.put('put', IN, OUT, done, n, MANY_MASKS,
                            offloaded=size)
        done = size
        text = (f'{size:,} flows: {n / seconds:,.0f} put a second, the '
                f'slowest in {table.longest * 1e3:.1f} ms')
        if name != 'nohints':
            speed.add(f'put, {size:,} flows', name, n / seconds)
            # A put of flows that are there changes their actions.
            some = TABLE_SIZES[0]
            seconds = table.put('put', IN, other, 0, some, MANY_MASKS,
                                offloaded=size)
            speed.add(f'modify, {size:,} flows', name, some / seconds)
            seconds = table('delete', IN, 0, some)['ns'] / 1e9
            speed.add(f'delete, {size:,} flows', name, some / seconds)
            table.put('put', IN, OUT, 0, some, MANY_MASKS, offloaded=size)
            for _ in range(3):
                ms = table('read', IN, 0, size)['ns'] / 1e6
                reading.add(size, name, ms)
            text += f', statistics of all in {ms:.0f} ms'
        context.progress(f'{text} ({title(name)})')
    if name != 'nohints':
        full = table.memory()
        for i, what in enumerate(('maps', 'process')):
            memory.add(f'of {done:,}, {what}', name,
                       (full[i] if what == 'maps' else
                        full[i] - empty[i]) / done)


@scenario('first-packet', 'latency of the first packet')
def first_packet(context):
    """How long the first packet of a flow takes, and a later one."""
    results = context.results.scenario(
        'first-packet', 'Latency of a packet between two hosts', 'us',
        better='lower', digits=0)
    with namespace(NETNS):
        for name in in_turn(context, 1, SWITCHES):
            ip('-batch', '-', stdin='\n'.join(Pair().batch(1)) + '\n')
            with received_by_stack([SNK]), \
                    vswitch(tools_of(context, name), context.options,
                            SWITCHES[name]) as ovs:
                for port in IN, OUT:
                    ovs.add_port(port, *AFXDP)
                # A megaflow for each source address.
                ovs.set_flows(f'in_port={IN},ip,actions='
                              f'move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],'
                              f'output:{OUT}')
                lines = run(*in_netns(context.tools.bench / 'first-packet',
                                      SRC, SNK, context.options.first_packets,
                                      20)).splitlines()
                if ovs.offload:
                    check_offloaded(ovs)
            for line in lines:
                first, later = map(float, line.split())
                results.add('first of a flow', name, first)
                results.add('later', name, later)
            context.progress(
                f'{title(name)}: first '
                f'{results.median("first of a flow", name):.0f} us, later '
                f'{results.median("later", name):.0f} us')
            for device in SRC, OUT:
                ip('link', 'del', device)


def check_offloaded(ovs):
    """Fails unless flows were offloaded."""
    if 'dp:xdp' not in ovs.appctl('dpctl/dump-flows', '-m',
                                  'type=offloaded'):
        raise Failure('no flow was offloaded; ' + ovs.why_not())


@scenario('vswitch-ports', 'adding and removing ports of ovs-vswitchd')
def vswitch_ports(context):
    """How long ovs-vsctl takes to add and to remove a port."""
    results = context.results.scenario(
        'vswitch-ports', 'A port of ovs-vswitchd, with ovs-vsctl', 'ms',
        better='lower', digits=0)
    pairs = [Pair(i) for i in range(VSWITCH_PORTS)]
    for name in in_turn(context, 1, SWITCHES):
        with namespace(NETNS):
            ip('-batch', '-', stdin='\n'.join(
                line for pair in pairs for line in pair.batch(1)) + '\n')
            with vswitch(tools_of(context, name), context.options,
                         SWITCHES[name]) as ovs:
                took = [ovs.add_port(pair.port_in, *AFXDP) for pair in pairs]
                for i, pair in enumerate(reversed(pairs)):
                    begin = time.monotonic()
                    ovs.vsctl('del-port', 'br0', pair.port_in)
                    if i < 5:
                        results.add('remove one of many', name,
                                    (time.monotonic() - begin) * 1e3)
            for seconds in took[1:6]:
                results.add('add number 2 to 6', name, seconds * 1e3)
            for seconds in took[-5:]:
                results.add(f'add number {VSWITCH_PORTS - 4} to '
                            f'{VSWITCH_PORTS}', name, seconds * 1e3)
            context.progress(
                f'{title(name)}: port number {VSWITCH_PORTS} added in '
                f'{statistics.median(took[-5:]) * 1e3:.0f} ms')
