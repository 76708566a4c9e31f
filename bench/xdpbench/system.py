# SPDX-License-Identifier: Apache-2.0
"""Running programs, and the network namespaces of the benchmark.

Everything that a run makes is in network namespaces and a directory with
fixed names, so that a run can clean up after one that was killed.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import types

# The namespace with the ports, and those of hosts behind them.
NETNS = 'xdpb'
HOSTS = 'xdpb-h1', 'xdpb-h2'
RUN_DIR = pathlib.Path('/run/xdpb')
LOCK = '/run/xdpb.lock'


class Failure(Exception):
    """Something that the user should read without a traceback."""


def progress(text):
    print(text, file=sys.stderr, flush=True)


def words(command):
    return [str(word) for word in command]


def run(*command, timeout=60, stdin=None, **kwargs):
    """Runs 'command', with the string 'stdin' as its input, and returns what
    it prints."""
    command = words(command)
    try:
        result = subprocess.run(command, input=stdin or '',
                                stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                timeout=timeout, **kwargs)
    except subprocess.TimeoutExpired as error:
        raise Failure(f'"{" ".join(command)}" did not end within '
                      f'{error.timeout:.0f} seconds') from None
    if result.returncode:
        raise Failure(f'"{" ".join(command)}" failed: '
                      f'{result.stderr.strip() or result.stdout.strip()}')
    return result.stdout


def ip(*args, netns=NETNS, **kwargs):
    return run('ip', '-n', netns, *args, **kwargs)


def in_netns(*command, netns=NETNS):
    return words(['ip', 'netns', 'exec', netns, *command])


def start(*command, netns=NETNS, **kwargs):
    """Starts 'command' in 'netns'.  It ends with us at the latest."""
    return subprocess.Popen(words(['setpriv', '--pdeathsig', 'TERM',
                                   *in_netns(*command, netns=netns)]),
                            text=True, **kwargs)


def end(process, patience=10):
    """Ends 'process', which start() returned."""
    for signr in signal.SIGTERM, signal.SIGKILL:
        if process.poll() is None:
            process.send_signal(signr)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
    for pipe in process.stdin, process.stdout:
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def netns_pids(netns):
    """Returns the processes in 'netns'."""
    result = subprocess.run(['ip', 'netns', 'pids', netns],
                            stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    return [int(pid) for pid in result.stdout.split()]


def end_pid(pid, netns):
    """Ends process 'pid', if it is one in 'netns', and waits for that."""
    for signr, patience in (signal.SIGTERM, 10), (signal.SIGKILL, 10):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if pid not in netns_pids(netns):
                return
            if signr:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signr)
                signr = None
            time.sleep(0.02)
    raise Failure(f'cannot end process {pid} in namespace {netns}')


def delete_netns(netns):
    """Ends what runs in 'netns' and deletes it.  Its devices, the tap
    "ovs-netdev" of userspace datapaths among them, go with it."""
    if pathlib.Path('/run/netns', netns).exists():
        for pid in netns_pids(netns):
            end_pid(pid, netns)
        run('ip', 'netns', 'del', netns)


def cleanup():
    """Removes everything that a run makes, from this run or an earlier
    one."""
    for netns in NETNS, *HOSTS:
        delete_netns(netns)
    shutil.rmtree(RUN_DIR, ignore_errors=True)


@contextlib.contextmanager
def namespace(netns):
    """Makes the namespace 'netns'."""
    delete_netns(netns)
    run('ip', 'netns', 'add', netns)
    try:
        # Otherwise the kernel sends packets of its own from each device.
        run(*in_netns('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1',
                      'net.ipv6.conf.default.disable_ipv6=1', netns=netns))
        yield
    finally:
        delete_netns(netns)


class Tools:
    """Where the programs are."""

    PACKAGES = (('ip', 'iproute2'), ('sysctl', 'procps'),
                ('bpftool', 'bpftool'), ('ethtool', 'ethtool'),
                ('iperf3', 'iperf3'), ('setpriv', 'util-linux'))

    # What each of two builds that are compared needs, by what makes it.
    COMPARED = (('make', ('Makefile', 'bpf/flowtable_afxdp.o',
                          'ovs/vswitchd/ovs-vswitchd',
                          'ovs/vswitchd/vswitch.ovsschema')),
                ('make bench-programs', ('bench/xdp-provider',)))

    def __init__(self, args):
        # Those of an earlier version; see compare_with().
        self.against = None
        self.bench = pathlib.Path(args.builddir, 'bench')
        self.ovs = pathlib.Path(args.ovs or
                                pathlib.Path(args.builddir, 'ovs'))
        self.pkgdata = pathlib.Path(args.builddir)
        self.schema = pathlib.Path(args.schema or
                                   self.ovs / 'vswitchd/vswitch.ovsschema')
        self.environment = dict(os.environ)
        self.environment['OVS_PKGDATADIR'] = str(self.pkgdata)

    def check(self):
        """Fails if anything that is needed is missing."""
        files = [self.bench / name
                 for name in ('connections', 'xdp-source', 'xdp-sink',
                              'xdp-redirect', 'xdp-cost', 'xdp-provider',
                              'first-packet',
                              'source.bpf.o', 'sink.bpf.o', 'redirect.bpf.o',
                              'prepare.bpf.o')]
        files += [self.ovs / name
                  for name in ('vswitchd/ovs-vswitchd',
                               'ovsdb/ovsdb-server', 'ovsdb/ovsdb-tool',
                               'utilities/ovs-vsctl', 'utilities/ovs-ofctl',
                               'utilities/ovs-appctl')]
        files += [self.schema, self.pkgdata / 'bpf/flowtable_afxdp.o']
        for file in files:
            if not file.exists():
                raise Failure(f'{file} does not exist; run "make bench" or '
                              f'give the build directory with --builddir')
        for program, package in self.PACKAGES:
            if not shutil.which(program):
                raise Failure(f'{program} not found; install the Debian '
                              f'package {package}')

    @staticmethod
    def of(builddir):
        """Returns those of the build directory 'builddir' alone."""
        return Tools(types.SimpleNamespace(builddir=builddir, ovs=None,
                                           schema=None))

    def compare_with(self, builddir):
        """Makes the build directory 'builddir' the one of an earlier version.
        Fails if it is none, or cannot be compared with."""
        for command, names in self.COMPARED:
            for name in names:
                if not pathlib.Path(builddir, name).exists():
                    raise Failure(f'--against {builddir}: {name} does not '
                                  f'exist there; give a build directory of '
                                  f'this project in which "{command}" has '
                                  f'been run')
        other = Tools.of(pathlib.Path(builddir).absolute())
        ours, theirs = self.ovs_version(), other.ovs_version()
        if ours != theirs:
            raise Failure(f'--against {builddir}: that is Open vSwitch '
                          f'{theirs} and this is {ours}; what differs would '
                          f'not be the offload')
        self.against = other

    def ovs_version(self):
        """Returns which Open vSwitch this is."""
        daemon = self.ovs / 'vswitchd/ovs-vswitchd'
        try:
            return run(daemon, '--version').split('\n')[0].split()[-1]
        except (OSError, IndexError) as error:
            raise Failure(f'{daemon} does not say its version: '
                          f'{error}') from None

    def describe(self):
        """Returns the commit of the source tree, or the version if it is not
        that of a repository."""
        makefile = (self.pkgdata / 'Makefile').read_text()
        values = dict(re.findall(r'^(abs_top_srcdir|VERSION) = (.*)$',
                                 makefile, re.MULTILINE))
        try:
            return run('git', '-C', values['abs_top_srcdir'], 'describe',
                       '--always', '--dirty').strip()
        except (Failure, OSError, KeyError):
            return values.get('VERSION', 'earlier version')

    def offers(self, setting):
        """Returns true if ovs-vswitchd knows the key 'setting' of
        other_config."""
        daemon = self.ovs / 'vswitchd/ovs-vswitchd'
        return setting.encode() in daemon.read_bytes()
