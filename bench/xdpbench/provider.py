# SPDX-License-Identifier: Apache-2.0
"""The offload provider without the rest of vswitchd: xdp-provider."""

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from .system import Failure, end, run, start
from .vswitch import COUNTER_HINT_HITS, COUNTER_OUTPUT, COUNTER_PACKETS

# Part of the packets that XDP has to carry for a sample of the offload.
MIN_CARRIED = 0.99

# BPF_MAP_TYPE_ARRAY_OF_MAPS of <linux/bpf.h>.
ARRAY_OF_MAPS = '12'


def inner_maps(map_id):
    """Returns the sizes of the maps in map of maps 'map_id', by their ids."""
    ids = {int.from_bytes((int(byte, 16) for byte in element['value']),
                          sys.byteorder)
           for element in json.loads(run('bpftool', '-j', 'map', 'dump', 'id',
                                         map_id))
           if 'error' not in element['value']}
    return {str(m['id']): m['bytes_memlock']
            for m in json.loads(run('bpftool', '-j', 'map', 'list'))
            if m['id'] in ids}


class Provider:
    """Talks to xdp-provider; see bench/provider/main.c for the commands."""

    def __init__(self, tools, settings):
        self.ports = {}
        self.hints_off = 'xdp-hints=0' in settings
        self.before = None
        self.longest = 0
        # It warns of each port, more than a pipe takes that nobody reads.
        self.log = tempfile.TemporaryFile('w+')
        self.process = start(tools.bench / 'xdp-provider',
                             env=tools.environment, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=self.log)
        self('config', *settings)

    def __call__(self, *command):
        """Runs 'command' and returns the results by name."""
        line = ' '.join(str(word) for word in command)
        try:
            self.process.stdin.write(line + '\n')
            self.process.stdin.flush()
            reply = self.process.stdout.readline().split()
        except BrokenPipeError:
            reply = None
        if not reply or reply[0] != 'ok':
            self.process.kill()
            self.process.wait()
            self.log.seek(0)
            raise Failure(f'the provider cannot "{line}": ' +
                          ''.join(self.log.readlines()[-5:]).strip())
        return {key: int(value) for key, value in
                (word.split('=') for word in reply[1:])}

    def add_port(self, device):
        """Adds a port.  Returns the nanoseconds that took."""
        result = self('add-port', device)
        self.ports[device] = result['port']
        return result['ns']

    def put(self, command, *args, offloaded):
        """Runs 'command', after which 'offloaded' flows have to be in XDP.
        Returns the seconds that it took, and keeps in 'longest' how many of
        these the slowest flow took."""
        result = self(command, *args)
        if result['offloaded'] != offloaded:
            raise Failure(f'only {result["offloaded"]} of {offloaded} flows '
                          f'are in XDP')
        self.longest = result['longest'] / 1e9
        return result['ns'] / 1e9

    def check(self):
        """Fails if XDP has not forwarded the packets since the last call, or
        not in the way that is measured."""
        now = self('counters')
        before, self.before = self.before, now
        if before is None:
            return
        seen, output, hints = (now[str(i)] - before[str(i)]
                               for i in (COUNTER_PACKETS, COUNTER_OUTPUT,
                                         COUNTER_HINT_HITS))
        if output < MIN_CARRIED * seen or not seen:
            raise Failure(f'XDP saw {seen} packets and forwarded only '
                          f'{output} of them')
        if self.hints_off and hints:
            raise Failure('the hint cache is not off')

    def memory(self):
        """Returns the bytes of the kernel's maps, and those of the
        process."""
        proc = pathlib.Path('/proc', str(self.process.pid))
        maps = {}
        outer = set()
        for info in (proc / 'fdinfo').iterdir():
            with contextlib.suppress(FileNotFoundError):
                fields = dict(re.findall(r'^(map_\w+|memlock):\s*(\d+)',
                                         info.read_text(), re.MULTILINE))
                if 'map_id' in fields:
                    maps[fields['map_id']] = int(fields['memlock'])
                    if fields.get('map_type') == ARRAY_OF_MAPS:
                        outer.add(fields['map_id'])
        # Not all of them need a file descriptor.
        for map_id in outer:
            maps.update(inner_maps(map_id))
        anonymous = re.search(r'^RssAnon:\s*(\d+) kB',
                              (proc / 'status').read_text(), re.MULTILINE)
        return sum(maps.values()), int(anonymous[1]) * 1024

    def stop(self):
        end(self.process)
        self.log.close()


@contextlib.contextmanager
def provider(tools, *settings):
    """Runs the provider with 'settings', which other_config would have."""
    instance = Provider(tools, settings)
    try:
        yield instance
    finally:
        instance.stop()
