# SPDX-License-Identifier: Apache-2.0
"""The contenders: what forwards packets between the two ports of a chain.

A new one is a function with the decorator @contender below: it sets itself
up, yields a Running, and takes itself down.
"""

import contextlib
import subprocess

from .provider import MIN_CARRIED
from .system import Failure, end, in_netns, ip, run, start
from .vswitch import (AFXDP, COUNTER_HINT_HITS, COUNTER_OUTPUT,
                      COUNTER_PACKETS, NO_OFFLOAD, OFFLOAD, vswitch)

HINTS_OFF = 'xdp-hints=0'


class Running:
    """A contender that is ready to forward."""

    def __init__(self, thread=None, check=None, ovs=None):
        # /proc directory of the thread that forwards.  None if it is the
        # source, in whose softirq XDP and the bridge run.
        self.thread = thread
        # Called before and after a measurement, under traffic.  Raises
        # Failure if something else than the contender forwards.
        self.check = check or (lambda: None)
        self.ovs = ovs


CONTENDERS = {}


def contender(name, title):
    """Registers a contender: a function that takes (tools, options, ports)
    and is a context manager around its Running.  'ports' are the two devices
    to connect: from the first to the second, and back where that makes no
    difference."""
    def register(function):
        function = contextlib.contextmanager(function)
        function.title = title
        CONTENDERS[name] = function
        return function
    return register


# What else has a column in results, with its title.
OTHERS = {}

# The contender that is an earlier version, of --against; see add_against().
AGAINST = 'against'


def title(name):
    return OTHERS.get(name) or CONTENDERS[name].title


# Contenders of scenarios with bridges of their own, and their settings.
SWITCHES = {'offload': OFFLOAD, AGAINST: OFFLOAD, 'userspace': NO_OFFLOAD}


def in_turn(context, rounds, names):
    """Yields those of the contenders 'names' that were asked for, one after
    the other, 'rounds' times."""
    for _ in range(rounds):
        yield from (name for name in names if name in context.contenders)


def tools_of(context, name):
    """Returns where the programs of contender 'name' are."""
    return context.tools.against if name == AGAINST else context.tools


@contextlib.contextmanager
def redirect(tools, *pairs):
    """Redirects all packets from the first device of each of 'pairs' to the
    second."""
    process = start(tools.bench / 'xdp-redirect',
                    tools.bench / 'redirect.bpf.o',
                    *(device for pair in pairs for device in pair),
                    stdout=subprocess.PIPE)
    try:
        if process.stdout.readline() != 'ready\n':
            raise Failure('the bare redirect did not start')
        yield
    finally:
        end(process)


@contender('bare', 'bare redirect')
def bare(tools, options, ports):
    with redirect(tools, ports):
        yield Running()


def connect(ovs, ports, columns):
    """Adds 'ports' to the bridge and connects them."""
    a, b = ports
    for port in ports:
        ovs.add_port(port, *columns)
    ovs.set_flows(f'in_port={a},actions=output:{b}',
                  f'in_port={b},actions=output:{a}')


def offload_check(ovs, hints=True):
    """Returns a check that XDP forwards the packets."""
    before = {}

    def check():
        flows = ovs.appctl('dpctl/dump-flows', '-m', 'type=offloaded')
        if 'dp:xdp' not in flows:
            raise Failure('no flow is offloaded; ' + ovs.why_not())
        now = ovs.debug_stats()
        if before:
            seen, output, hits = (now[i] - before[i]
                                  for i in (COUNTER_PACKETS, COUNTER_OUTPUT,
                                            COUNTER_HINT_HITS))
            if output < MIN_CARRIED * seen or not seen:
                raise Failure(f'XDP saw {seen} packets and forwarded only '
                              f'{output} of them; ' + ovs.why_not())
            if hits and not hints:
                raise Failure('the hint cache is not off; ' + ovs.why_not())
        before.update(now)
    return check


@contender('offload', 'this')
def offload(tools, options, ports):
    with vswitch(tools, options, OFFLOAD) as ovs:
        connect(ovs, ports, AFXDP)
        yield Running(check=offload_check(ovs), ovs=ovs)


def add_against(names, name):
    """Makes an earlier version, which is called 'name', a contender behind
    this one in the list 'names'."""
    @contender(AGAINST, name)
    def against(tools, options, ports):
        with offload(tools.against, options, ports) as running:
            yield running

    names.insert(names.index('offload') + 1 if 'offload' in names else 0,
                 AGAINST)


@contender('nohints', 'this, hint cache off')
def nohints(tools, options, ports):
    with vswitch(tools, options,
                 (*OFFLOAD, f'other_config:{HINTS_OFF}')) as ovs:
        connect(ovs, ports, AFXDP)
        yield Running(check=offload_check(ovs, hints=False), ovs=ovs)


@contender('userspace', 'userspace AF_XDP')
def userspace(tools, options, ports):
    with vswitch(tools, options, NO_OFFLOAD) as ovs:
        connect(ovs, ports, AFXDP)

        def check():
            flows = ovs.appctl('dpctl/dump-flows', '-m')
            if 'dp:xdp' in flows or 'dp:ovs' not in flows:
                raise Failure(f'the flow is not in userspace: {flows}')

        yield Running(ovs.pmd_thread(), check, ovs)


@contextlib.contextmanager
def received_by_stack(ports):
    """Lets the kernel's stack receive what XDP programs of the other end send
    to 'ports'."""
    for port in ports:
        run(*in_netns('ethtool', '-K', port, 'gro', 'on'))
    try:
        yield
    finally:
        for port in ports:
            run(*in_netns('ethtool', '-K', port, 'gro', 'off'))


@contender('bridge', 'Linux bridge')
def bridge(tools, options, ports):
    with received_by_stack(ports):
        ip('link', 'add', 'xdpb-br', 'type', 'bridge')
        try:
            for port in ports:
                ip('link', 'set', port, 'master', 'xdpb-br')
            ip('link', 'set', 'xdpb-br', 'up')
            # Where the source's frames go, so that they are not flooded.
            run(*in_netns('bridge', 'fdb', 'replace', '02:00:00:00:00:02',
                          'dev', ports[1], 'master', 'static'))
            yield Running()
        finally:
            ip('link', 'del', 'xdpb-br')


@contender('packet', 'OVS with AF_PACKET')
def packet(tools, options, ports):
    with received_by_stack(ports), \
            vswitch(tools, options, NO_OFFLOAD) as ovs:
        connect(ovs, ports, ('type=system',))
        yield Running(ovs.main_thread(), ovs=ovs)
