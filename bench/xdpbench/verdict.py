# SPDX-License-Identifier: Apache-2.0
"""What must be reached, and whether it is."""


class Goal:
    """One of them.  'measured' and 'wanted' are numbers, or None if there are
    no samples for them."""

    def __init__(self, what, measured, wanted, unit='', at_least=True,
                 note='', digits=2):
        self.what = what
        self.measured = measured
        self.wanted = wanted
        self.unit = f' {unit}' if unit else ''
        self.at_least = at_least
        self.note = note
        self.digits = digits

    @property
    def is_measured(self):
        return self.measured is not None and self.wanted is not None

    @property
    def reached(self):
        if not self.is_measured:
            return False
        return (self.measured >= self.wanted if self.at_least
                else self.measured <= self.wanted)

    def number(self, value):
        return f'{value:,.{self.digits}f}{self.unit}'

    def columns(self):
        """Returns the goal as texts: what, measured, wanted, verdict."""
        limit = 'at least' if self.at_least else 'at most'
        wanted = ('' if self.wanted is None
                  else f'{limit} {self.number(self.wanted)}')
        if not self.is_measured:
            return self.what, '', wanted, 'not measured'
        text = self.number(self.measured)
        if self.note:
            text += f' ({self.note})'
        return (self.what, text, wanted,
                'reached' if self.reached else 'MISSED')


def difference(a, b):
    return None if a is None or b is None else a - b


def smallest(values):
    values = [value for value in values if value is not None]
    return min(values) if values else None


def largest(values):
    values = [value for value in values if value is not None]
    return max(values) if values else None


def goals_of_conntrack(results):
    """Returns those of connection tracking."""
    def rate(*args):
        return results.ratio('conntrack', *args)

    def cost(name, flows):
        """Returns what a packet costs more than one that is output."""
        cases = f'{name}, {flows}', f'output, {flows}'
        return difference(*(results.median('conntrack-cost', case, 'offload')
                            for case in cases))

    def passes(name, flows):
        """Returns how many plain recirculations that is."""
        a, b = cost(name, flows), cost('recirculation', flows)
        return None if a is None or not b else a / b

    costs = results.get('conntrack-cost')
    entries = results.get('conntrack-entries')
    new = results.get('conntrack-new')
    return [
        Goal('an established connection, of the bare redirect',
             rate('one connection', 'offload', 'bare'), 0.6),
        Goal('an established connection, times userspace AF_XDP',
             rate('one connection', 'offload', 'userspace'), 6),
        Goal('10,000 connections, times userspace AF_XDP',
             rate('10,000 connections', 'offload', 'userspace'), 3),
        Goal('a ct pass, recirculations', passes('ct', '64 flows'), 3,
             at_least=False),
        Goal('a ct pass with NAT, recirculations',
             passes('ct with NAT', '64 flows'), 4, at_least=False),
        Goal('a ct pass in a train, recirculations',
             passes('ct', 'one flow'), 2, at_least=False),
        Goal('a ct pass with NAT in a train, recirculations',
             passes('ct with NAT', 'one flow'), 3, at_least=False),
        *(Goal(f'new connections, {case}, of userspace AF_XDP',
               new.ratio(case, 'offload', 'userspace'), 0.95)
          for case in (new.cases() if new else ())),
        Goal('connections inserted for XDP, the slowest',
             smallest(entries.median(case, 'offload')
                      for case in entries.cases()
                      if case.endswith(' connections'))
             if entries else None, 100000, 'a second', digits=0),
        Goal('a plain packet, more than before, the worst',
             largest(difference(costs.median(case, 'offload'),
                                costs.median(case, 'against'))
                     for case in costs.cases() if not case.startswith('ct'))
             if costs else None, 3, 'ns', at_least=False, digits=1),
    ]


def goals_of_containers(results):
    """Returns those of containers."""
    def compare(scenario, case, name, other, wanted, what, at_least=True):
        return Goal(f'{what}, {case}', results.ratio(scenario, case, name,
                                                     other), wanted,
                    at_least=at_least)

    goals = []
    for case in '1 stream', '4 streams':
        goals += [
            compare('containers', case, 'offload', 'bridge', 1.05,
                    'between containers, of the Linux bridge'),
            compare('containers', case, 'offload', 'veth', 0.9,
                    'between containers, of a veth pair'),
            compare('containers', case, 'ct', 'bridge', 1,
                    'the same through ct, of the Linux bridge'),
            compare('containers-cpu', case, 'offload', 'bridge', 1,
                    'CPU time of a gigabyte, times the Linux bridge', False),
        ]
    goals += [
        compare('containers-trip', 'small packets', 'offload', 'bridge', 1,
                'a round trip, times the Linux bridge', False),
        compare('containers-start', 'a container', 'offload', 'native', 1.5,
                'connecting a container, times native XDP', False),
    ]
    return goals


def goals_of_stalls(results):
    """Returns those of the lock that all of the offload has."""
    def longest(name):
        table = results.get('stalls')
        return largest(table.median(case, name)
                       for case in table.cases()) if table else None

    return [
        Goal('longest hold of the lock', longest('hold_longest'), 2, 'ms',
             at_least=False),
        Goal('longest stall of a thread that has nothing to do with it',
             longest('stall_longest'), 5, 'ms', at_least=False),
    ]


def goals(results):
    """Returns all goals."""
    ratio, median = results.ratio, results.median

    def more(case):
        return difference(median('actions-cost', case, 'offload'),
                          median('actions-cost',
                                 f'output of the frames of "{case}"',
                                 'offload'))

    def worst_of_tcp(name):
        tcp = results.get('tcp')
        return smallest(tcp.ratio(case, name, 'userspace')
                        for case in tcp.cases()) if tcp else None

    install = results.get('install')
    gain, bare_gain = (ratio('cpus', '2 CPUs', name, name, '1 CPU')
                       for name in ('offload', 'bare'))
    at_500, bare_at_500 = (ratio('ports', '500 ports', name, name, '2 ports')
                           for name in ('offload', 'bare'))

    def note(value):
        return '' if value is None else f'the bare redirect: {value:.2f}'

    return [
        Goal('one flow, of the bare redirect',
             ratio('one', 'one flow', 'offload', 'bare'), 0.92),
        Goal('one flow, times userspace AF_XDP',
             ratio('one', 'one flow', 'offload', 'userspace'), 4),
        Goal('10,000 flows over 64 masks, of the bare redirect',
             ratio('masks', '64 masks, uniform', 'offload', 'bare'), 0.85),
        Goal('a cached packet, more than a bare redirect',
             median('one-cost', 'one flow', 'offload'), 50, 'ns',
             at_least=False, digits=0),
        Goal('that with 64 masks, times that with 1 mask',
             ratio('cost-masks', 64, 'offload', 'offload', 1), 1.2,
             at_least=False),
        Goal('VLAN push, more than an output', more('VLAN push'), 15, 'ns',
             at_least=False, digits=0),
        Goal('VLAN pop, more than an output', more('VLAN pop'), 15, 'ns',
             at_least=False, digits=0),
        Goal('one recirculation, more than an output',
             difference(median('actions-cost', 'one recirculation',
                               'offload'),
                        median('actions-cost', 'output', 'offload')), 60,
             'ns', at_least=False, digits=0),
        *(Goal(f'VXLAN {case}, more than an output',
               difference(median('tunnels-cost', case, 'offload'),
                          median('actions-cost', 'output', 'offload')), 100,
               'ns', at_least=False, digits=0)
          for case in ('push', 'pop')),
        Goal('installing flows, the slowest',
             smallest(install.median(case, 'offload')
                      for case in install.cases() if case.startswith('put'))
             if install else None, 50000, 'a second', digits=0),
        Goal('reading the statistics of 200,000 flows',
             median('statistics', 200000, 'offload'), 200, 'ms',
             at_least=False, digits=0),
        Goal('adding the 100th port, in the provider',
             median('ports-add', 'port number 100', 'offload'), 20, 'ms',
             at_least=False, digits=1),
        Goal('programs on all 500 ports',
             median('ports-programs', '500 ports', 'offload'), 1,
             at_least=False, digits=0),
        Goal('instructions that the verifier looked at, largest program',
             median('verifier', 'largest program', 'offload'), 50000,
             at_least=False, digits=0),
        Goal('two CPUs, times one CPU', gain,
             None if bare_gain is None else min(1.8, 0.9 * bare_gain),
             note=note(bare_gain)),
        Goal('500 ports, of 2 ports', at_500, 0.9, note=note(bare_at_500)),
        Goal('while flows are replaced, of quiet',
             smallest([ratio('churn', case, 'offload', 'offload', 'quiet')
                       for case in results.get('churn').cases()
                       if case != 'quiet'])
             if results.get('churn') else None, 0.9),
        Goal('100,000 flows of which a tenth is busy, a table of 16,384: in '
             'XDP after 5 seconds',
             median('full', 'after 5 seconds', 'offload'), 90, '%',
             digits=1),
        *goals_of_stalls(results),
        *goals_of_conntrack(results),
        *goals_of_containers(results),
        Goal('TCP, the worst case, times userspace AF_XDP',
             worst_of_tcp('offload'), 3, note=note(worst_of_tcp('bare'))),
    ]
