# SPDX-License-Identifier: Apache-2.0
"""A running ovs-vswitchd with its database."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

from .system import RUN_DIR, Failure, end, in_netns, run, start

# Attempts to have all megaflows deleted.
PURGES = 100

# Elements of the map 'debug_stats' (enum xdp_counter).
COUNTER_PACKETS = 0
COUNTER_OUTPUT = 2
COUNTER_HINT_HITS = 3
COUNTER_CT = 34

# Settings of the table Open_vSwitch.
OFFLOAD = ('other_config:hw-offload=true',
           'other_config:offload-driver=linux_xdp')
NO_OFFLOAD = ('other_config:hw-offload=false',)

AFXDP = ('type=afxdp', 'options:xdp-mode=native')


class Ovs:
    """The daemons, with the bridge br0, in our namespace.  'offload' is true
    if the offload is on."""

    def __init__(self, tools, options):
        self.tools = tools
        self.options = options
        self.dir = RUN_DIR / 'ovs'
        self.env = dict(tools.environment)
        for name in 'RUN', 'LOG', 'DB', 'SYSCONF':
            self.env[f'OVS_{name}DIR'] = str(self.dir)
        self.processes = []
        self.offload = False

    def tool(self, path, *args, **kwargs):
        return run(self.tools.ovs / path, *args, env=self.env, **kwargs)

    def vsctl(self, *args):
        return self.tool('utilities/ovs-vsctl',
                         f'--db=unix:{self.dir}/db.sock', '--timeout=60',
                         *args)

    def ofctl(self, bridge, command, *args, **kwargs):
        return self.tool('utilities/ovs-ofctl', command,
                         f'unix:{self.dir}/{bridge}.mgmt', *args, **kwargs)

    def appctl(self, *args):
        return self.tool('utilities/ovs-appctl',
                         f'--target={self.dir}/ovs-vswitchd.ctl', *args)

    def daemon(self, path, *args, **kwargs):
        """Starts the daemon 'path' and waits until it replies."""
        name = path.split('/')[-1]
        control = self.dir / f'{name}.ctl'
        process = start(self.tools.ovs / path, *args,
                        f'--pidfile={self.dir}/{name}.pid',
                        f'--log-file={self.dir}/{name}.log',
                        f'--unixctl={control}', '-vconsole:off',
                        env=self.env, stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        deadline = time.monotonic() + 30
        while not control.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f'{name} did not start; {self.why_not()}')
            time.sleep(0.01)
        self.tool('utilities/ovs-appctl', f'--target={control}', 'version')

    def start(self, *settings):
        """Starts the daemons with 'settings' of the table Open_vSwitch."""
        self.offload = set(OFFLOAD) <= set(settings)
        self.dir.mkdir(parents=True)
        self.tool('ovsdb/ovsdb-tool', 'create', self.dir / 'conf.db',
                  self.tools.schema)
        self.daemon('ovsdb/ovsdb-server', self.dir / 'conf.db',
                    f'--remote=punix:{self.dir}/db.sock')
        self.vsctl('--no-wait', 'init')
        self.vsctl('--no-wait', 'set', 'Open_vSwitch', '.',
                   'other_config:pmd-cpu-mask='
                   f'{1 << self.options.pmd_cpu:#x}', *settings)
        self.daemon('vswitchd/ovs-vswitchd', f'unix:{self.dir}/db.sock')
        self.vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0',
                   'datapath_type=netdev', 'fail-mode=secure')

    def add_port(self, port, *columns, bridge='br0'):
        """Adds 'port'.  Returns how long that took, in seconds."""
        begin = time.monotonic()
        self.vsctl('add-port', bridge, port, '--', 'set', 'interface', port,
                   *columns)
        took = time.monotonic() - begin
        error = self.vsctl('get', 'interface', port, 'error').strip()
        if error != '[]':
            raise Failure(f'ovs-vswitchd cannot add {port}: {error}; ' +
                          self.why_not())
        return took

    def set_flows(self, *flows, bridge='br0'):
        """Replaces the OpenFlow flows of 'bridge'."""
        self.ofctl(bridge, 'replace-flows', '-', '-O', 'OpenFlow13',
                   stdin='\n'.join(flows) + '\n')

        # It passes over megaflows that a revalidator is just looking at.
        for _ in range(PURGES):
            self.appctl('revalidator/purge')
            if 'actions:' not in self.appctl('dpctl/dump-flows'):
                break

    def process_dir(self):
        """Returns the /proc directory of ovs-vswitchd."""
        pid = (self.dir / 'ovs-vswitchd.pid').read_text().strip()
        return pathlib.Path('/proc', pid)

    def pmd_thread(self):
        """Returns the /proc directory of the PMD's thread."""
        for thread in (self.process_dir() / 'task').iterdir():
            if (thread / 'comm').read_text().startswith('pmd-'):
                return thread
        raise Failure('ovs-vswitchd has no PMD thread; ' + self.why_not())

    def main_thread(self):
        """Returns the /proc directory of the thread that forwards where ports
        are not polled by PMDs."""
        return self.process_dir()

    def debug_stats(self):
        """Returns the counters of the flow table by number, all CPUs
        together."""
        ours = set()
        for info in (self.process_dir() / 'fdinfo').iterdir():
            with contextlib.suppress(FileNotFoundError):
                ours.update(re.findall(r'^map_id:\s*(\d+)', info.read_text(),
                                       re.MULTILINE))
        ids = [m['id'] for m in json.loads(run('bpftool', '-j', 'map', 'list'))
               if m.get('name') == 'debug_stats' and str(m['id']) in ours]
        if not ids:
            raise Failure('ovs-vswitchd has no BPF map "debug_stats": the '
                          'object with the flow table is not loaded; ' +
                          self.why_not())

        def number(hex_bytes):
            return int.from_bytes([int(byte, 16) for byte in hex_bytes],
                                  sys.byteorder)

        counters = {}
        for map_id in ids:
            for element in json.loads(run('bpftool', '-j', 'map', 'dump',
                                          'id', map_id)):
                key = number(element['key'])
                counters.setdefault(key, 0)
                counters[key] += sum(number(value['value'])
                                     for value in element['values'])
        return counters

    def why_not(self):
        """Returns what the log says about problems."""
        log = self.dir / 'ovs-vswitchd.log'
        if not log.exists():
            return 'ovs-vswitchd left no log'
        lines = [line for line in log.read_text(errors='replace').splitlines()
                 if re.search(r'\|(WARN|ERR|EMER)\|', line)]
        return ('warnings in the log of ovs-vswitchd:\n' +
                '\n'.join(['    ' + line for line in lines[-15:]] or
                          ['    none']))

    def stop(self):
        """Ends the daemons and waits for that."""
        for process in reversed(self.processes):
            end(process)
        if self.options.keep_log and (self.dir / 'ovs-vswitchd.log').exists():
            shutil.copy(self.dir / 'ovs-vswitchd.log', self.options.keep_log)
        shutil.rmtree(self.dir, ignore_errors=True)
        # A killed ovs-vswitchd leaves its taps behind.
        for tap in 'ovs-netdev', 'br0', 'br-phy':
            subprocess.run(in_netns('ip', 'link', 'del', tap),
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def vswitch(tools, options, settings):
    """Runs Open vSwitch with 'settings'."""
    ovs = Ovs(tools, options)
    try:
        ovs.start(*settings)
        yield ovs
    finally:
        ovs.stop()
