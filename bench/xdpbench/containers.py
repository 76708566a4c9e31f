# SPDX-License-Identifier: Apache-2.0
"""Two containers, network namespaces behind veth devices that nobody has
prepared: TCP, round trips, the CPU time of a gigabyte, and how long it takes
to connect one more."""

import contextlib
import os
import re
import subprocess
import time

from .contenders import OTHERS, title
from .scenarios import scenario
from .system import (HOSTS, NETNS, Failure, in_netns, ip, namespace, run,
                     start)
from .tcp import ADDRESSES, PORTS, iperf
from .vswitch import COUNTER_OUTPUT, OFFLOAD, vswitch

STREAMS = 1, 4
TC = ('type=afxdp', 'options:xdp-mode=tc')
NATIVE = ('type=afxdp', 'options:xdp-mode=native')

# How long a PMD thread may sleep, in microseconds.  It would take a CPU that
# the containers need.
PMD_SLEEP = 'other_config:pmd-maxsleep=10000'

# Packets of a flow through a tracker's zone, both directions.
CT_FLOWS = ('table=0,arp,actions=NORMAL',
            'table=0,ip,ct_state=-trk,actions=ct(zone=1,table=1)',
            'table=1,ip,ct_state=+trk+new,'
            'actions=ct(zone=1,commit),NORMAL',
            'table=1,ip,ct_state=+trk+est,actions=NORMAL')

PINGS = 5000


def add_veth(host, port, address):
    """Makes the container 'host' a device eth0 with 'address', whose other
    end is 'port', as container runtimes do: without any settings."""
    ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns',
       host)
    ip('link', 'set', port, 'up')
    ip('address', 'add', f'{address}/24', 'dev', 'eth0', netns=host)
    ip('link', 'set', 'eth0', 'up', netns=host)
    ip('link', 'set', 'lo', 'up', netns=host)


@contextlib.contextmanager
def containers(connected=True):
    """Makes two containers; unless 'connected', without devices."""
    with contextlib.ExitStack() as stack:
        for netns in NETNS, *HOSTS:
            stack.enter_context(namespace(netns))
        if connected:
            for host, port, address in zip(HOSTS, PORTS, ADDRESSES):
                add_veth(host, port, address)
        yield


@contextlib.contextmanager
def pair(tools, options):
    """A veth pair without any switch: the limit."""
    with containers(connected=False):
        ip('link', 'add', 'eth0', 'netns', HOSTS[0], 'type', 'veth', 'peer',
           'name', 'eth0', 'netns', HOSTS[1])
        for host, address in zip(HOSTS, ADDRESSES):
            ip('address', 'add', f'{address}/24', 'dev', 'eth0', netns=host)
            ip('link', 'set', 'eth0', 'up', netns=host)
        yield None


@contextlib.contextmanager
def bridge(tools, options):
    with containers():
        ip('link', 'add', 'xdpb-br', 'type', 'bridge')
        ip('link', 'set', 'xdpb-br', 'up')
        for port in PORTS:
            ip('link', 'set', port, 'master', 'xdpb-br')
        yield None


@contextlib.contextmanager
def switch(tools, options, columns, flows):
    """Open vSwitch with 'flows', whose ports have 'columns'."""
    with containers(), vswitch(tools, options,
                               (*OFFLOAD, PMD_SLEEP)) as ovs:
        for port in PORTS:
            ovs.add_port(port, *columns)
        ovs.set_flows(*flows)
        yield ovs


@contextlib.contextmanager
def native(tools, options):
    """The ports in native mode, with what that needs in the containers."""
    with switch(tools, options, NATIVE, ('actions=NORMAL',)) as ovs:
        for host in HOSTS:
            run(*in_netns('ethtool', '-K', 'eth0', 'gro', 'on', 'tx', 'off',
                          netns=host))
        yield ovs


def tc(tools, options):
    return switch(tools, options, TC, ('actions=NORMAL',))


def tc_ct(tools, options):
    return switch(tools, options, TC, CT_FLOWS)


# What connects the containers.
WAYS = {'veth': pair, 'bridge': bridge, 'offload': tc, 'ct': tc_ct,
        'native': native}

OTHERS.update(veth='a veth pair, no switch', ct='this, ct(zone),recirc',
              native='this, native XDP, prepared')


def busy_seconds():
    """Returns how long the CPUs have worked."""
    fields = open('/proc/stat').readline().split()[1:9]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields)
    return ((user + nice + system + irq + softirq)
            / os.sysconf('SC_CLK_TCK'))


def round_trip():
    """Returns how long a small packet takes there and back, the median of
    several runs, in microseconds."""
    text = run(*in_netns('ping', '-q', '-f', '-c', PINGS, ADDRESSES[1],
                         netns=HOSTS[0]), timeout=60)
    return float(re.search(r'= [\d.]+/([\d.]+)/', text)[1]) * 1000


def wait_until_connected():
    deadline = time.monotonic() + 20
    while subprocess.run(in_netns('ping', '-c', 1, '-W', 1, ADDRESSES[1],
                                  netns=HOSTS[0]),
                         stdout=subprocess.DEVNULL).returncode:
        if time.monotonic() > deadline:
            raise Failure('the containers do not reach each other')


def carried(ovs):
    return ovs.debug_stats().get(COUNTER_OUTPUT, 0) if ovs else None


def measure(context, name, tables):
    """Measures one way once."""
    rates, trips, times = tables
    what = title(name)
    with WAYS[name](context.tools, context.options) as ovs:
        wait_until_connected()
        run(*in_netns('ping', '-q', '-f', '-c', 200, ADDRESSES[1],
                      netns=HOSTS[0]))
        before = carried(ovs)
        trip = round_trip()
        trips.add('small packets', name, trip)
        for streams in STREAMS:
            case = f'{streams} stream' + 's' * (streams > 1)
            begin = busy_seconds()
            rate = iperf(context.options.tcp_seconds, streams)
            # What is omitted at first is work, too.
            gigabytes = rate / 8 * (context.options.tcp_seconds + 0.5)
            rates.add(case, name, rate)
            times.add(case, name, (busy_seconds() - begin) / gigabytes)
            context.progress(f'{case}, {what}: {rate:.2f} Gbit/s, round '
                             f'trip {trip:.1f} us')
        if ovs and carried(ovs) - before < PINGS:
            raise Failure(f'{what}: the packets were not in the flow table; '
                          + ovs.why_not())


def first_packet(context, columns):
    """Returns how long it takes from adding a port to the first packet that
    the flow table carries, in milliseconds."""
    with containers(), vswitch(context.tools, context.options,
                               (*OFFLOAD, PMD_SLEEP)) as ovs:
        if columns == NATIVE:
            for host in HOSTS:
                run(*in_netns('ethtool', '-K', 'eth0', 'gro', 'on', 'tx',
                              'off', netns=host))
        ovs.add_port(PORTS[0], *columns)
        ovs.set_flows('actions=NORMAL')
        sender = start('ping', '-q', '-i', 0.002, ADDRESSES[1],
                       netns=HOSTS[0], stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.2)
            before = carried(ovs)
            begin = time.monotonic()
            ovs.add_port(PORTS[1], *columns)
            while carried(ovs) == before:
                if time.monotonic() > begin + 20:
                    raise Failure('no packet gets into the flow table; ' +
                                  ovs.why_not())
            return (time.monotonic() - begin) * 1000
        finally:
            sender.kill()
            sender.wait()


@scenario('containers', 'containers that nobody has prepared')
def scenario_containers(context):
    """TCP and round trips between two containers, in turn."""
    tables = (
        context.results.scenario('containers', 'TCP between two containers '
                                 'with default settings', 'Gbit/s', digits=2),
        context.results.scenario('containers-trip', 'A round trip between '
                                 'them', 'us', 'lower', digits=1),
        context.results.scenario('containers-cpu', 'CPU time of a gigabyte '
                                 'between them', 's', 'lower', digits=2))
    for _ in range(context.options.rounds_containers):
        for name in WAYS:
            measure(context, name, tables)

    table = context.results.scenario(
        'containers-start', 'From "add-port" to the first packet in the '
        'flow table', 'ms', 'lower', digits=0)
    for _ in range(context.options.rounds_containers):
        for name, columns in (('offload', TC), ('native', NATIVE)):
            table.add('a container', name, first_packet(context, columns))
