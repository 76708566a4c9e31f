# SPDX-License-Identifier: Apache-2.0
"""The scenario of the control path: for how long one holds the lock, and a
thread waits that has nothing to do with it."""

import pathlib
import shutil
import tempfile
import time

from .chain import IN, OUT, Chain
from .contenders import OTHERS
from .provider import provider
from .scenarios import scenario
from .system import NETNS, namespace

FLOWS = 200000
MASKS = 64
MANY_MASKS = 250

# The flows that the second thread puts and deletes.
OTHER_FLOWS = 1000

# Room for all, and for as many modified ones.
SETTINGS = ('xdp-max-flows=262144', 'xdp-hints=131072')

# Columns of the tables; they begin as names in the replies of xdp-provider.
HOLD, HOLD_WALL = 'hold_longest', 'hold_wall'
STALL, STALL_WALL = 'stall_longest', 'stall_wall'
HOLDS, STALLS = 'holds', 'stalls'
OTHERS.update({
    HOLD: 'hold', HOLD_WALL: 'with what had no CPU',
    STALL: 'stall', STALL_WALL: 'that with what had no CPU',
    HOLDS: 'holds', STALLS: 'stalls',
})

PUSH = ('tnl_push(tnl_port({port}),header(size=50,type=4,'
        'eth(dst=02:00:00:00:00:02,src=02:00:00:00:00:01,dl_type=0x0800),'
        'ipv4(src=10.1.0.1,dst=10.1.0.2,proto=17,tos=0,ttl=64,frag=0x4000),'
        'udp(src=0,dst=4789,csum=0x0),vxlan(flags=0x8000000,vni=0x1)),'
        'out_port({port})),{port}')
PUSH_ACTIONS = PUSH.replace(' ', '')
SOURCE_PORT_MAX = 61000


class Watch:
    """Runs things and adds what was seen of the lock meanwhile to the
    results."""

    def __init__(self, context, table, ports):
        self.context = context
        self.table = table
        self.ports = ports
        self.longest = context.results.scenario(
            'stalls', f'Longest hold of the lock, and longest stall of a '
            f'thread, with {FLOWS:,} flows', 'ms', better='lower', digits=2)
        self.histogram = context.results.scenario(
            'stalls-histogram', 'Holds of the lock and stalls by how long '
            'they were', 'times', digits=0)
        self.counts = {}

    def __call__(self, what, *commands):
        """Runs 'commands' one after the other, which are 'what' happens."""
        begin = time.monotonic()
        self.table('watch', *self.ports, 0, OTHER_FLOWS, 8)
        try:
            for command in commands:
                self.table(*command)
        finally:
            seen = self.table('unwatch')
        for name in HOLD, HOLD_WALL, STALL, STALL_WALL:
            self.longest.add(what, name, seen[name] / 1e6)
        for key, value in seen.items():
            prefix, name = key.split('_')
            if name.isdigit():
                bucket = self.counts.setdefault(int(name), {})
                column = f'{prefix}s'
                bucket[column] = bucket.get(column, 0) + value
        self.context.progress(
            f'{what}, {time.monotonic() - begin:.1f} s: longest hold '
            f'{seen[HOLD] / 1e6:.2f} ms ({seen[HOLD_WALL] / 1e6:.2f}), '
            f'longest stall {seen[STALL] / 1e6:.2f} ms '
            f'({seen[STALL_WALL] / 1e6:.2f}); of the time of holds, '
            f'{1 - seen["own_ran"] / max(seen["own_cpu"], 1):.1%} was the '
            f'host\'s')

    def finish(self):
        """Adds the histogram to the results."""
        for i, counts in sorted(self.counts.items()):
            if any(counts.values()):
                for column, n in counts.items():
                    self.histogram.add(f'below {1 << i:,} us', column, n)


@scenario('stalls', 'holds of the lock, and who waits for it')
def stalls(context):
    """What happens to ports and many flows, beside a thread that must not
    notice."""
    with namespace(NETNS), \
            Chain(context.tools, context.options, n_pairs=2,
                  extra_outs=1) as chain, \
            provider(context.tools, *SETTINGS) as table, \
            tempfile.TemporaryDirectory() as directory:
        other, extra = chain.pairs[1], chain.extra[0]
        for port in IN, OUT, other.port_in, other.port_out:
            table.add_port(port)
        watch = Watch(context, table, (other.port_in, other.port_out))
        run_events(context, table, watch, extra.port_out,
                   pathlib.Path(directory))
        watch.finish()


def run_events(context, table, watch, extra, directory):
    """Has everything happen.  'extra' is a device that is no port yet."""
    many = 0, FLOWS
    all_flows = 'wait', IN, FLOWS

    # What the machine makes of holds in which nothing happens.
    watch('holds of 5 us', ('hold', 5, 1000))
    watch('growing a subtable', ('put', IN, OUT, *many, 1), all_flows)
    watch('deleting', ('delete', IN, *many))
    watch('putting', ('put', IN, OUT, *many, MASKS), all_flows)
    watch('reading statistics', ('read', IN, *many))
    watch('xdp/show', ('show',))

    copy = directory / 'copy.o'
    shutil.copy(context.tools.pkgdata / 'bpf/flowtable_afxdp.o', copy)
    watch('loading an object', ('add-port', extra, copy))
    watch('unloading it', ('del-port', extra))
    table.add_port(extra)
    watch('modifying', ('put', IN, extra, *many, MASKS), all_flows)
    watch('putting back', ('put', IN, OUT, *many, MASKS), all_flows)

    watch('flushing', ('flush', IN))
    watch('retrying', all_flows)
    watch('evicting a target', ('close', OUT))
    watch('xdp/refused', ('refused',))
    watch('retrying for a target', ('open', OUT), all_flows)
    watch('evicting a port', ('close', IN))
    watch('retrying for a port', ('open', IN), all_flows)
    watch('switching off', ('off',))
    watch('retrying everything', all_flows)

    # New masks for the flows that are tried again.
    table('close', OUT)
    table('delete', IN, *many)
    table('put', IN, OUT, *many, MANY_MASKS)
    watch(f'retrying with {MANY_MASKS - MASKS} new masks', ('open', OUT),
          all_flows)
    push = PUSH_ACTIONS.format(port=table.ports[OUT])
    watch('modifying, into a tunnel',
          ('put', IN, OUT, *many, MANY_MASKS, push), all_flows)
    watch('other UDP source ports',
          ('source-ports', SOURCE_PORT_MAX - 1), all_flows)
    table('delete', IN, *many)
    watch('copies that differ',
          ('flow', IN, 0, 0, 0, f'push_vlan(vid=5,pcp=0),{table.ports[OUT]},'
           f'pop_vlan,{table.ports[extra]}'), ('wait', IN, 1))
