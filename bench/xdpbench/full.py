# SPDX-License-Identifier: Apache-2.0
"""More flows than the table holds, of which few are busy."""

import time

from .chain import IN, OUT, Chain, traffic
from .contenders import SWITCHES, in_turn, tools_of
from .scenarios import scenario
from .system import NETNS, Failure, namespace
from .vswitch import AFXDP, COUNTER_OUTPUT, COUNTER_PACKETS, vswitch

FLOWS = 100000
PLACES = 16384

# Packets a second, and while flows are made.  Userspace has to get along with
# all of them at first, and with dumps of all flows beside it: PMD threads
# leave it the rest of a CPU.
RATE = 200000
FILL_RATE = 20000
SETTINGS = (f'other_config:xdp-max-flows={PLACES}',
            'other_config:pmd-maxsleep=500', 'other_config:pmd-sleep-max=500',
            'other_config:max-idle=600000',
            'other_config:min-revalidate-pps=0')

# When the busy ones have to be in XDP, and for how long that is looked at.
DEADLINE = 5
SECONDS = 10

# How long it may take until userspace has nearly all flows, as many as come up
# in a random order: it permits itself 1,000 more with each dump of all.
PATIENCE = 240
ENOUGH = 0.95


def megaflows(ovs):
    """Returns how many megaflows there are."""
    line = next(line for line in ovs.appctl('upcall/show').splitlines()
                if 'current' in line)
    return int(line.split('current ')[1].split(')')[0])


def fill(context, chain, ovs):
    """Has all flows made, while all have equally much."""
    with traffic(chain, flows=FLOWS, rate=FILL_RATE):
        deadline = time.monotonic() + PATIENCE
        while megaflows(ovs) < ENOUGH * FLOWS:
            if time.monotonic() > deadline:
                raise Failure(f'only {megaflows(ovs)} megaflows; ' +
                              ovs.why_not())
            time.sleep(0.5)
    context.progress(f'{megaflows(ovs):,} megaflows')


def watch(chain, ovs):
    """Returns the time from the beginning of the other traffic, and the part
    of the packets since the time before that XDP carried, about each
    second."""
    samples = []
    with traffic(chain, flows=FLOWS, rate=RATE, order='tenth'):
        begin = time.monotonic()
        before = ovs.debug_stats()
        for i in range(1, SECONDS + 1):
            time.sleep(max(0, begin + i - time.monotonic()))
            now = ovs.debug_stats()
            seen, output = (now[j] - before[j]
                            for j in (COUNTER_PACKETS, COUNTER_OUTPUT))
            if not seen:
                raise Failure('XDP saw no packet')
            samples.append((time.monotonic() - begin, output / seen))
            before = now
    return samples


@scenario('full', 'more flows than the table holds')
def full(context):
    """How much of the traffic of a few busy flows XDP gets to carry when the
    table is full of others."""
    results = context.results.scenario(
        'full', f'{FLOWS:,} flows of which a tenth is busy, a table of '
        f'{PLACES:,}: packets in XDP', '%', digits=1)
    names = [name for name in SWITCHES if name != 'userspace']
    with namespace(NETNS):
        for name in in_turn(context, 1, names):
            with Chain(context.tools, context.options) as chain, \
                    vswitch(tools_of(context, name), context.options,
                            (*SWITCHES[name], *SETTINGS)) as ovs:
                for port in IN, OUT:
                    ovs.add_port(port, *AFXDP)
                # A megaflow for each source address.
                ovs.set_flows(f'in_port={IN},ip,actions='
                              f'move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],'
                              f'output:{OUT}')
                fill(context, chain, ovs)
                samples = watch(chain, ovs)
            for seconds, part in samples:
                context.progress(f'{seconds:.1f} s: {part:.1%} in XDP')
            results.add('in the first second', name, 100 * samples[0][1])
            results.add(f'after {DEADLINE} seconds', name,
                        100 * samples[DEADLINE][1])
