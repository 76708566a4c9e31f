# SPDX-License-Identifier: Apache-2.0
"""What the data plane is measured with.

    source -> SRC=IN -> [contender] -> OUT=SNK -> sink

where "=" is a veth pair.  There may be more than one such pair of ports, with
a number behind each name, fed by the same source and counted by the same
sink.
"""

import contextlib
import json
import pathlib
import re
import statistics
import subprocess
import time

from .system import Failure, end, in_netns, ip, run, start

SRC, IN, OUT, SNK = 'xdpb-src', 'xdpb-in', 'xdpb-out', 'xdpb-snk'

XDP_REDIRECT = 4

# A sample is repeated if the thread that forwards had to wait for its CPU for
# more than this part of the time: something else was running there.  Such
# times are not counted, but caches are cold after them.
MAX_WAIT = 0.05

SAMPLE_MS = 50


class Pair:
    """Number 'i' of the pairs of ports."""

    def __init__(self, i=0):
        number = str(i) if i else ''
        self.src, self.port_in, self.port_out, self.snk = (
            name + number for name in (SRC, IN, OUT, SNK))

    def batch(self, n_queues):
        """Returns what makes the devices, for ip -batch."""
        queues = f'numrxqueues {n_queues} numtxqueues {n_queues}'
        for a, b in (self.src, self.port_in), (self.port_out, self.snk):
            yield (f'link add {a} {queues} type veth peer name {b} {queues}')
            yield f'link set {a} up'
            yield f'link set {b} up'


class Sink:
    """The counting sink."""

    def __init__(self, tools, devices):
        self.process = start(tools.bench / 'xdp-sink',
                             tools.bench / 'sink.bpf.o', SAMPLE_MS, *devices,
                             stdout=subprocess.PIPE)
        self.read()

    def read(self):
        """Returns the next sample: seconds and packets."""
        line = self.process.stdout.readline()
        if not line:
            raise Failure('the sink did not start or ended early')
        ns, packets, _ = line.split()
        return int(ns) / 1e9, int(packets)

    def read_until(self, end_time):
        """Returns the first sample that is not older than 'end_time', a value
        of time.monotonic()."""
        while True:
            sample = self.read()
            if sample[0] >= end_time:
                return sample

    def stop(self):
        end(self.process)


class Chain:
    """The devices and the sink.  The sink's program also makes OUT a device
    that XDP can redirect to."""

    def __init__(self, tools, options, n_pairs=1, n_queues=1, extra_outs=0):
        self.tools = tools
        self.options = options
        self.pairs = [Pair(i) for i in range(n_pairs)]
        # Pairs of which only the way out is used, to flood to.
        self.extra = [Pair(n_pairs + i) for i in range(extra_outs)]
        self.n_queues = n_queues
        self.sink = None

    def __enter__(self):
        everything = self.pairs + self.extra
        commands = [line for pair in everything
                    for line in pair.batch(self.n_queues)]
        try:
            ip('-batch', '-', stdin='\n'.join(commands) + '\n')
            self.sink = Sink(self.tools, [pair.snk for pair in everything])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.sink:
            self.sink.stop()
        names = {link['ifname'] for link in json.loads(ip('-j', 'link'))}
        commands = [f'link del {name}' for pair in self.pairs + self.extra
                    for name in (pair.src, pair.port_out) if name in names]
        if commands:
            ip('-batch', '-', stdin='\n'.join(commands) + '\n')

    def detached(self):
        """For devices where a program of the last contender may still be
        about to leave."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            links = json.loads(ip('-j', 'link', 'show', self.pairs[0].port_in))
            if 'xdp' not in links[0]:
                return
            time.sleep(0.02)
        raise Failure(f'{self.pairs[0].port_in} still has an XDP program')

    def source(self, pairs=None, cpu=None, seconds=600, **pattern):
        """Starts a source for 'pairs' (default: all of them), on 'cpu', with
        frames as 'pattern' says."""
        cpu = self.options.source_cpu if cpu is None else cpu
        devices = [pair.src for pair in pairs or self.pairs]
        return start(self.tools.bench / 'xdp-source', f'--cpu={cpu}',
                     f'--seconds={seconds}', *pattern_options(pattern),
                     self.tools.bench / 'source.bpf.o', *devices,
                     stdout=subprocess.PIPE)


def pattern_options(pattern):
    """Returns the options of the C programs for 'pattern'."""
    return [f'--{name}' if value is True else f'--{name}={value}'
            for name, value in pattern.items() if value not in (None, False)]


def cpu_wait(thread):
    """Returns the seconds that the thread with /proc directory 'thread' could
    have run but had to wait, or 0 if the kernel does not count that."""
    try:
        return int((thread / 'schedstat').read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


class Disturbed:
    """Counts samples for which something else took the CPU, and decides how
    many of them are taken again, in the first 'seconds' of the run."""

    def __init__(self, retries, seconds):
        self.retries = retries
        self.deadline = time.monotonic() + seconds
        self.kept = 0

    def repeat(self, waited):
        """Returns true if a sample for which the CPU was missing for 'waited'
        of the time is to be taken again."""
        if waited <= MAX_WAIT:
            return False
        if self.retries <= 0 or time.monotonic() > self.deadline:
            self.kept += 1
            return False
        self.retries -= 1
        return True


@contextlib.contextmanager
def traffic(chain, cpus=(None,), **kwargs):
    """Lets a source send from each of 'cpus'."""
    sources = []
    try:
        for cpu in cpus:
            sources.append(chain.source(cpu=cpu, **kwargs))
        yield sources
    finally:
        for source in sources:
            source.terminate()
        for source in sources:
            line = source.communicate()[0]
            if not re.match(r'\d+ packets in [\d.]+ seconds', line):
                raise Failure('the source did not start')


def window(chain, running, sources):
    """Returns the rate in Mpps under the traffic of 'sources', without the
    times when the thread that forwards had to wait for its CPU, and the part
    of the time that it had to."""
    options = chain.options
    threads = ([running.thread] if running.thread else
               [pathlib.Path('/proc', str(source.pid)) for source in sources])
    chain.sink.read_until(time.monotonic() + options.warmup)
    running.check()
    waited = sum(map(cpu_wait, threads))
    begin = chain.sink.read_until(time.monotonic())
    finish = chain.sink.read_until(begin[0] + options.window)
    waited = sum(map(cpu_wait, threads)) - waited
    if any(source.poll() is not None for source in sources):
        raise Failure('the source ended early')
    running.check()
    packets = finish[1] - begin[1]
    seconds = finish[0] - begin[0]
    if not packets:
        raise Failure('no packet arrived at the sink')
    waited /= len(threads)
    return packets / (seconds - waited) / 1e6, waited / seconds


def rate(chain, running, disturbed, **kwargs):
    """Returns the rate in Mpps at which 'running' forwards the traffic that
    'kwargs' describes; see traffic()."""
    while True:
        with traffic(chain, **kwargs) as sources:
            mpps, waited = window(chain, running, sources)
        if not disturbed.repeat(waited):
            return mpps


def attached_program(device):
    """Returns the id of the XDP program on 'device'."""
    link = json.loads(ip('-j', 'link', 'show', device))[0]
    try:
        return link['xdp']['prog']['id']
    except KeyError:
        raise Failure(f'no XDP program on {device}') from None


def cost(tools, options, device, runs=None, **pattern):
    """Measures the XDP program on 'device' by itself.  Returns the
    nanoseconds per packet that it takes more than a bare redirect: a low
    quartile, because whatever disturbs a run makes it longer."""
    output = run(*in_netns(
        tools.bench / 'xdp-cost', f'--cpu={options.source_cpu}',
        f'--runs={runs or options.cost_runs}',
        f'--repeat={options.cost_repeat}', *pattern_options(pattern),
        tools.bench / 'prepare.bpf.o', tools.bench / 'redirect.bpf.o',
        attached_program(device), device))
    rows = [line.split() for line in output.splitlines()]
    actions = {int(row[2]) for row in rows}
    if actions != {XDP_REDIRECT}:
        raise Failure(f'the XDP program on {device} does not redirect the '
                      f'frames but returns {sorted(actions)}')

    def quartile(values):
        return statistics.quantiles(sorted(values), n=4)[0]

    bare = quartile(float(row[0]) for row in rows)
    return bare, quartile(float(row[1]) for row in rows) - bare
