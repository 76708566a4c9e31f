# SPDX-License-Identifier: Apache-2.0
"""TCP between two hosts, network namespaces behind the two ports."""

import contextlib
import json
import subprocess
import time

from .contenders import (AGAINST, CONTENDERS, Running, in_turn, redirect,
                         title)
from .scenarios import scenario
from .system import (HOSTS, NETNS, Failure, end, in_netns, ip, namespace, run,
                     start)

PORTS = 'xdpb-p1', 'xdpb-p2'
ADDRESSES = '10.7.0.1', '10.7.0.2'
STREAMS = 1, 8
CONTENDERS_OF_TCP = 'bare', 'offload', AGAINST, 'userspace', 'bridge'

# How long a PMD thread may sleep, in microseconds, while nothing comes up from
# XDP.  It would poll all the time instead, on one of the two CPUs that the
# hosts' TCP needs.
OFFLOAD_PMD_SLEEP = 10000

# What TCP does about congestion: the kernel's default.  BBR, which some systems
# make theirs, sends when a timer says so, so that what is between the hosts
# hardly counts.
CONGESTION_CONTROL = 'cubic'

# Where AF_XDP ports end, whose frames have half a page or so, is found by
# trying.
MTUS_TO_TRY = range(3600, 1500, -50)


@contextlib.contextmanager
def hosts(mtu):
    """Makes two hosts, each with a device eth0 whose other end is one of
    PORTS."""
    with contextlib.ExitStack() as stack:
        for netns in NETNS, *HOSTS:
            stack.enter_context(namespace(netns))
        for host, port, address in zip(HOSTS, PORTS, ADDRESSES):
            ip('link', 'add', port, 'mtu', mtu, 'numrxqueues', 1,
               'numtxqueues', 1, 'type', 'veth', 'peer', 'name', 'eth0',
               'netns', host, 'mtu', mtu, 'numrxqueues', 1, 'numtxqueues', 1)
            ip('link', 'set', port, 'up')
            ip('address', 'add', f'{address}/24', 'dev', 'eth0', netns=host)
            ip('link', 'set', 'eth0', 'up', netns=host)
            # Redirected packets arrive only with GRO, and AF_XDP does not
            # finish checksums.
            run(*in_netns('ethtool', '-K', 'eth0', 'gro', 'on', 'tx', 'off',
                          netns=host))
            ip('link', 'set', 'lo', 'up', netns=host)
        yield


@contextlib.contextmanager
def connected(context, name):
    """Connects PORTS by contender 'name'."""
    if name == 'bare':
        a, b = PORTS
        with redirect(context.tools, (a, b), (b, a)):
            yield Running()
    else:
        with CONTENDERS[name](context.tools, context.options,
                              PORTS) as running:
            if name in ('offload', AGAINST):
                running.ovs.vsctl('set', 'Open_vSwitch', '.',
                                  'other_config:pmd-maxsleep='
                                  f'{OFFLOAD_PMD_SLEEP}')
            yield running


def reaches(size):
    """Returns true if a packet of 'size' bytes gets to the other host and
    back."""
    return subprocess.run(
        in_netns('ping', '-c', 3, '-i', 0.2, '-W', 1, '-M', 'do', '-s',
                 size - 28, ADDRESSES[1], netns=HOSTS[0]),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def largest_mtu(context):
    """Returns the largest MTU with which all contenders work."""
    for mtu in MTUS_TO_TRY:
        with hosts(mtu):
            try:
                with connected(context, 'userspace'):
                    works = reaches(mtu)
                if works:
                    with connected(context, 'offload'):
                        works = reaches(mtu)
            except Failure:
                works = False
        if works:
            return mtu
    return None


def iperf(seconds, streams):
    """Returns the Gbit/s between the hosts."""
    server = start('iperf3', '-s', '-1', netns=HOSTS[1],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 5
        while ':5201' not in run(*in_netns('ss', '-Hltn', netns=HOSTS[1])):
            if time.monotonic() > deadline:
                raise Failure('the iperf3 server did not start')
            time.sleep(0.02)
        report = json.loads(run(*in_netns(
            'iperf3', '-c', ADDRESSES[1], '-t', seconds, '-O', 0.5, '-P',
            streams, '-C', CONGESTION_CONTROL, '-J', netns=HOSTS[0]),
            timeout=seconds + 30))
    finally:
        end(server)
    return report['end']['sum_received']['bits_per_second'] / 1e9


@scenario('tcp', 'TCP between two hosts')
def tcp(context):
    """iperf3 between two network namespaces."""
    results = context.results.scenario(
        'tcp', 'TCP between two hosts, iperf3', 'Gbit/s', digits=2)
    mtu = largest_mtu(context)
    if mtu is None:
        raise Failure('no MTU works for all contenders')
    context.progress(f'the largest MTU of the path is {mtu}')
    for mtu in 1500, mtu:
        with hosts(mtu):
            for name in in_turn(context, context.options.rounds_tcp,
                                CONTENDERS_OF_TCP):
                with connected(context, name) as running:
                    if not reaches(mtu):
                        raise Failure(f'{title(name)}: no ping of {mtu} '
                                      f'bytes')
                    for streams in STREAMS:
                        rate = iperf(context.options.tcp_seconds, streams)
                        case = (f'MTU {mtu}, {streams} stream' +
                                's' * (streams > 1))
                        results.add(case, name, rate)
                        context.progress(f'{case}, {title(name)}: '
                                         f'{rate:.2f} Gbit/s')
                    if name in ('offload', AGAINST):
                        running.check()
