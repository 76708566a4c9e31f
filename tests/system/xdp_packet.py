# SPDX-License-Identifier: Apache-2.0
"""Makes, sends and catches packets for the system tests: see COMMANDS.

The kernel may lack VLAN devices, and the tests compare bytes, so everything
goes through AF_PACKET sockets.  Only the standard library is used.

A packet is written as words, outermost header first, each of the form
NAME=VALUE or just NAME:

    src=MAC dst=MAC type=NUMBER     Ethernet; type only if nothing follows
    vlan=ID[:PCP[:TPID]]            a VLAN tag, more than one is possible
    ip=SRC>DST tos= ttl= frag=no|first|later proto= options=HEX df
    ip6=SRC>DST tos= ttl= proto=
    udp=SRC>DST csum                "csum" is for the UDP checksum
    tcp=SRC>DST flags=S|F|R|P|A...  icmp=TYPE:CODE
    len=N                           length of the whole frame
    seq                             number packets in their last 4 bytes
    mark=N                          N in the last 4 bytes

or as corpus=NAME, the packet of this name in tests/corpus/packets.txt.

A packet in a tunnel is written as the outer packet, which ends with one of

    vxlan=VNI[:FLAGS]  geneve=VNI[:OPTIONS-IN-HEX]  gre[=KEY]  erspan=KEY:INDEX

and "|" and the inner packet.  GRE takes "gre-csum" and "gre-seq=N", too.
Words that make a packet wrong in one place come before the "|" and are applied
to the frame as a whole when it is complete:

    at=OFFSET:HEX                   overwrite bytes
    ipcsum                          and compute the IPv4 checksum anew
    cut=N                           leave only the first N bytes
    pad=N                           append N bytes

The tests call this thousands of times, through xdp-packet, and most of what a
call takes is to start Python and its modules.  So it is a module itself, which
is compiled once, and loads others only where they are needed.
"""

import os
import select
import signal
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
PACKET_VNET_HDR = 15
SO_RCVBUFFORCE = 33
VIRTIO_NET_HDR_F_NEEDS_CSUM = 1
VIRTIO_NET_HDR_GSO_TCPV4 = 1
TP_STATUS_VLAN_VALID = 1 << 4
TP_STATUS_VLAN_TPID_VALID = 1 << 6
TCP_FLAGS = "FSRPAUEC"


def mac(text):
    return bytes(int(x, 16) for x in text.split(":"))


def checksum(data):
    """Returns the Internet checksum of 'data'."""
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def corpus(name):
    """Returns the packet 'name' of the corpus."""
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                        "../corpus/packets.txt")
    with open(path) as f:
        for line in f:
            n, _, data = line.partition(" ")
            if n == name:
                return bytes.fromhex(data)
    sys.exit("%s: no packet %s" % (path, name))


def ports(text):
    return [int(x) for x in text.split(">")]


def tunnel(words, inner):
    """Returns IP protocol, if the words say one, and the inner packet with the
    tunnel header in front of it."""
    if "vxlan" in words:
        vni, _, flags = words["vxlan"].partition(":")
        return None, struct.pack("!II", int(flags or "0x08000000", 0),
                                 int(vni) << 8) + inner
    if "geneve" in words:
        vni, _, options = words["geneve"].partition(":")
        options = bytes.fromhex(options)
        return None, struct.pack("!BBHI", len(options) // 4, 0, 0x6558,
                                 int(vni) << 8) + options + inner
    if "erspan" in words:
        key, index = (int(x) for x in words["erspan"].split(":"))
        return 47, struct.pack("!HHIHHI", 0x1000, 0x88be,
                               int(words.get("gre-seq", 0)), 0x1000, key,
                               index) + inner
    if "gre" in words:
        flags, rest = 0, b""
        if words["gre"]:
            flags |= 0x2000
            rest += struct.pack("!I", int(words["gre"]))
        if "gre-seq" in words:
            flags |= 0x1000
            rest += struct.pack("!I", int(words["gre-seq"]))
        if "gre-csum" not in words:
            return 47, struct.pack("!HH", flags, 0x6558) + rest + inner
        start = struct.pack("!HH", flags | 0x8000, 0x6558)
        csum = checksum(start + bytes(4) + rest + inner)
        return 47, start + struct.pack("!HH", csum, 0) + rest + inner
    return None, inner


def l4_header(words, pseudo, payload):
    """Returns the IP protocol and the layer 4 packet.  'pseudo' makes a pseudo
    header of protocol and length."""
    if "udp" in words:
        # Checksum 0 means none, so that "seq" may change the payload.
        packet = struct.pack("!HHHH", *ports(words["udp"]), 8 + len(payload),
                             0) + payload
        if "csum" in words:
            csum = checksum(pseudo(17, len(packet)) + packet) or 0xffff
            packet = packet[:6] + struct.pack("!H", csum) + packet[8:]
        return 17, packet
    if "tcp" in words:
        flags = sum(1 << TCP_FLAGS.index(f) for f in words.get("flags", "A"))
        header = struct.pack("!HHIIBBHHH", *ports(words["tcp"]), 1, 1,
                             5 << 4, flags, 1024, 0, 0)
        csum = checksum(pseudo(6, len(header) + len(payload)) + header
                        + payload)
        header = header[:16] + struct.pack("!H", csum) + header[18:]
        return 6, header + payload
    if "icmp" in words:
        kind, code = (int(x) for x in words["icmp"].split(":"))
        body = struct.pack("!HH", 1, 1) + payload
        csum = checksum(struct.pack("!BBH", kind, code, 0) + body)
        return 1, struct.pack("!BBH", kind, code, csum) + body
    return int(words.get("proto", 253)), payload


def ip_packet(words, l2_size, inner):
    """Returns Ethertype and IP packet."""
    v6 = "ip6" in words
    options = bytes.fromhex(words.get("options", ""))
    ip_size = 40 if v6 else 20 + len(options)
    proto = None
    if inner is not None:
        proto, payload = tunnel(words, inner)
    else:
        l4_size = (8 if "udp" in words or "icmp" in words
                   else 20 if "tcp" in words else 0)
        size = int(words.get("len", 100))
        payload = bytes(max(0, size - l2_size - ip_size - l4_size))
        if "mark" in words:
            payload = payload[:-4] + struct.pack("!I", int(words["mark"]))

    tos = int(words.get("tos", "0"), 0)
    ttl = int(words.get("ttl", "64"))
    if v6:
        src, dst = (socket.inet_pton(socket.AF_INET6, a)
                    for a in words["ip6"].split(">"))
        l4_proto, l4 = l4_header(
            words, lambda p, n: src + dst + struct.pack("!II", n, p), payload)
        return 0x86dd, (struct.pack("!IHBB", 6 << 28 | tos << 20, len(l4),
                                    proto or l4_proto, ttl) + src + dst + l4)

    src, dst = (socket.inet_aton(a) for a in words["ip"].split(">"))
    l4_proto, l4 = l4_header(
        words, lambda p, n: src + dst + struct.pack("!BBH", 0, p, n), payload)
    frag = {"no": 0, "first": 0x2000, "later": 100}[words.get("frag", "no")]
    if "df" in words:
        frag |= 0x4000
    ip = struct.pack("!BBHHHBBH", 0x40 | ip_size // 4, tos, ip_size + len(l4),
                     1, frag, ttl, proto or l4_proto, 0) + src + dst + options
    return 0x0800, ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + l4


def damage(words, frame):
    """Returns 'frame' with the faults that the words ask for."""
    for name, value in words:
        if name == "at":
            ofs, _, data = value.partition(":")
            ofs = int(ofs)
            data = bytes.fromhex(data)
            frame = frame[:ofs] + data + frame[ofs + len(data):]
        elif name == "ipcsum":
            end = 14 + (frame[14] & 15) * 4
            csum = checksum(frame[14:24] + frame[26:end])
            frame = frame[:24] + struct.pack("!H", csum) + frame[26:]
        elif name == "cut":
            frame = frame[:int(value)]
        elif name == "pad":
            frame += bytes(int(value))
    return frame


def make(text):
    """Returns the frame that 'text' describes, see above, or that it gives in
    hexadecimal digits."""
    if "=" not in text:
        return bytes.fromhex(text)
    if text.startswith("corpus="):
        return corpus(text[len("corpus="):])

    text, _, inner = text.partition("|")
    inner = make(inner.strip()) if inner else None
    pairs = [word.partition("=")[::2] for word in text.split()]
    words = dict(pairs)

    eth = mac(words["dst"]) + mac(words["src"])
    for name, tag in pairs:
        if name == "vlan":
            vid, pcp, tpid = (tag.split(":")
                              + ["0", "0x8100"][tag.count(":"):])
            eth += struct.pack("!HH", int(tpid, 0), int(pcp) << 13 | int(vid))
    if "ip" in words or "ip6" in words:
        ethertype, packet = ip_packet(words, len(eth) + 2, inner)
        return damage(pairs, eth + struct.pack("!H", ethertype) + packet)
    eth += struct.pack("!H", int(words.get("type", "0x88b5"), 0))
    size = int(words.get("len", 100))
    return damage(pairs, eth + bytes(max(0, size - len(eth))))


def open_packet(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((interface, 0))
    return s


def gso(frame, size):
    """Returns 'frame', TCP in IPv4 without VLAN tag, as the kernel takes it to
    cut it into packets of 'size' bytes of payload, which reach the driver as
    one burst.  The first one only keeps the flag CWR, the last one only FIN
    and PSH."""
    l4 = 14 + 20
    pseudo = frame[26:34] + struct.pack("!BBH", 0, 6, len(frame) - l4)
    return (struct.pack("=BBHHHH", VIRTIO_NET_HDR_F_NEEDS_CSUM,
                        VIRTIO_NET_HDR_GSO_TCPV4, l4 + 20, size, l4, 16)
            + frame[:l4 + 16] + struct.pack("!H", ~checksum(pseudo) & 0xffff)
            + frame[l4 + 18:])


def cmd_make(args):
    print(make(args.packet).hex())


def describe(frame):
    """Returns what the headers of 'frame', IP in Ethernet, say, in words, and
    whether lengths and checksums are right."""
    def verdict(good):
        return "ok" if good else "bad"

    colon = ":".join("%02x" % b for b in frame[:12])
    words = ["dst=" + colon[:17], "src=" + colon[18:]]
    ethertype, = struct.unpack("!H", frame[12:14])
    ip = frame[14:]
    if ethertype == 0x0800:
        n = (ip[0] & 15) * 4
        size, _, frag, ttl, proto = struct.unpack("!HHHBB", ip[2:10])
        src, dst = (socket.inet_ntoa(a) for a in (ip[12:16], ip[16:20]))
        words += ["ip=%s>%s" % (src, dst), "tos=%#x" % ip[1], "ttl=%d" % ttl,
                  "df=%d" % (frag >> 14 & 1), "frag=%#x" % (frag & 0x3fff),
                  "ip-csum=" + verdict(checksum(ip[:n]) == 0),
                  "ip-len=" + verdict(size == len(ip))]
        l4 = ip[n:]
        pseudo = ip[12:20] + struct.pack("!BBH", 0, proto, len(l4))
    elif ethertype == 0x86dd:
        flow, size, proto, ttl = struct.unpack("!IHBB", ip[:8])
        src, dst = (socket.inet_ntop(socket.AF_INET6, a)
                    for a in (ip[8:24], ip[24:40]))
        words += ["ip6=%s>%s" % (src, dst), "tos=%#x" % (flow >> 20 & 255),
                  "ttl=%d" % ttl, "ip-len=" + verdict(size + 40 == len(ip))]
        l4 = ip[40:]
        pseudo = ip[8:40] + struct.pack("!II", len(l4), proto)
    else:
        return " ".join(words + ["type=%#06x" % ethertype])

    if proto == 17:
        sport, dport, size, csum = struct.unpack("!HHHH", l4[:8])
        words += ["udp=%d>%d" % (sport, dport),
                  "udp-len=" + verdict(size == len(l4)),
                  "udp-csum=" + (verdict(checksum(pseudo + l4) == 0) if csum
                                 else "none")]
    elif proto == 47:
        flags, kind = struct.unpack("!HH", l4[:4])
        words += ["gre=%#06x:%#06x" % (flags, kind)]
        if flags & 0x8000:
            words += ["gre-csum=" + verdict(checksum(l4) == 0)]
    else:
        words += ["proto=%d" % proto]
    return " ".join(words)


def cmd_describe(args):
    """Describes the packets in a file of a sink."""
    with open(args.file) as f:
        for line in f:
            print(describe(bytes.fromhex(line)))


class Pace:
    """Keeps a sender from running ahead of what has arrived.

    On a busy machine a thread of OVS may not run for seconds, in which packets
    that go to userspace would overflow a queue of the kernel."""

    # Packets that may be on their way, and seconds after which another one
    # goes even so: those that it waits for may never arrive.
    WINDOW = 400
    TRICKLE = 0.1

    def __init__(self, paths, per_round):
        self.rounds = max(1, self.WINDOW // per_round)
        self.last = -1
        self.files = []
        for path in paths:
            f = open(path)
            f.seek(0, os.SEEK_END)
            self.files.append([f, ""])

    def read(self, n):
        """Looks which of the numbers below 'n' have come to the sinks."""
        for entry in self.files:
            f, rest = entry
            if os.fstat(f.fileno()).st_size < f.tell():
                # The test has emptied it.
                f.seek(0)
                rest = ""
            *lines, entry[1] = (rest + f.read()).split("\n")
            for line in lines:
                number = int(line[-8:], 16)
                if self.last < number < n:
                    self.last = number

    def wait(self, n):
        """Waits until packets with the number 'n' may be sent."""
        end = time.monotonic() + self.TRICKLE
        while n - self.last > self.rounds and time.monotonic() < end:
            self.read(n)
            if n - self.last > self.rounds:
                time.sleep(0.005)


def cmd_send(args):
    """Sends packets, one after another, until 'count' or SIGTERM."""
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    frames = []
    for text in args.packet:
        frames.append((make(text), " seq" in text))
    s = open_packet(args.interface)
    if args.gso:
        s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        frames = [(gso(frame, args.gso), False) for frame, _ in frames]
    n = lost = 0
    due = time.monotonic()
    pause = args.interval / len(frames) if args.spread else 0
    pace = Pace(args.sink, len(frames))
    while not stop and n < args.count:
        if args.sink:
            pace.wait(n)
        for frame, numbered in frames:
            if numbered:
                frame = frame[:-4] + struct.pack("!I", n)
            try:
                s.send(frame)
            except OSError:
                # Out of buffers, or the device is down at the moment.
                lost += 1
            if pause:
                time.sleep(pause)
        n += 1
        due += args.interval
        delay = due - time.monotonic()
        if delay > 0:
            time.sleep(delay)
    if args.count == float("inf"):
        print(n * len(frames) - lost)
    elif lost:
        sys.exit("%d packets could not be sent" % lost)


def open_sink(interface):
    """Returns a socket that gets all packets that come in."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                 struct.pack("IHH8s", socket.if_nametoindex(interface),
                             PACKET_MR_PROMISC, 0, b""))
    s.bind((interface, ETH_P_ALL))
    return s


def receive(s):
    """Returns the next packet of a sink, or None if it was not for us."""
    data, anc, _, address = s.recvmsg(65536, 128)
    if address[2] == PACKET_OUTGOING:
        return None
    for level, kind, aux in anc:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            # The kernel takes the outermost VLAN tag off.
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", aux[:20])
            if status & TP_STATUS_VLAN_VALID:
                if not status & TP_STATUS_VLAN_TPID_VALID:
                    tpid = 0x8100
                data = data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
    return data


def cmd_sink(args):
    """Writes each packet received to a file, in hexadecimal digits."""
    s = open_sink(args.interface)
    with open(args.file + ".pid", "w") as f:
        f.write("%d\n" % os.getpid())
    # Appended, because the test may empty the file at any time.
    with open(args.file, "a", buffering=1 << 20) as out:
        while True:
            if not select.select([s], [], [], 0)[0]:
                # All that came is to be seen before the next one comes.
                out.flush()
            try:
                data = receive(s)
            except OSError:
                # The interface went down.
                time.sleep(0.05)
                continue
            if data is not None:
                out.write(data.hex() + "\n")


def stream(seed, size):
    """Yields 'size' bytes that depend on 'seed' only, in blocks."""
    import hashlib
    block = hashlib.shake_256(b"%d" % seed).digest(65536)
    n = 0
    while size > 0:
        # Rotated, so that a lost or repeated block changes the checksum.
        i = n % len(block)
        data = (block[i:] + block[:i])[:size]
        yield data
        size -= len(data)
        n += 7


def cmd_tcp_server(args):
    """Takes one connection and prints size and checksum of what came."""
    import hashlib
    family = socket.AF_INET6 if args.ipv6 else socket.AF_INET
    s = socket.create_server(("", args.port), family=family)
    c, _ = s.accept()
    c.settimeout(120)
    digest = hashlib.sha256()
    size = 0
    while True:
        data = c.recv(1 << 20)
        if not data:
            break
        digest.update(data)
        size += len(data)
    print(size, digest.hexdigest(), flush=True)


def cmd_tcp_client(args):
    """Sends a stream and prints its size and checksum."""
    import hashlib
    end = time.monotonic() + 60
    while True:
        try:
            c = socket.create_connection((args.host, args.port), 60)
            break
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
    c.settimeout(120)
    digest = hashlib.sha256()
    for data in stream(args.port, args.size):
        digest.update(data)
        c.sendall(data)
    c.shutdown(socket.SHUT_WR)
    # The peer closes when it has got all.
    c.recv(1)
    print(args.size, digest.hexdigest(), flush=True)


class Args:
    """The arguments of a command: options, and other words by name."""

    def __init__(self, options, names, words):
        """'options' are the options that there are, with the values that they
        have by default; those of a list may be given more than once, and
        those of a bool have no argument.  'names' are those of the other
        words, among which options may stand; the last one stands for a list
        if it ends with "...".

        Raises ValueError if 'words' are not as they should be."""
        for option, value in options.items():
            setattr(self, option, list(value) if value == [] else value)
        rest, words = [], list(words)
        while words:
            word = words.pop(0)
            option = word[2:]
            if not word.startswith("--"):
                rest.append(word)
            elif option not in options:
                raise ValueError("there is no option %s" % word)
            elif isinstance(options[option], bool):
                setattr(self, option, True)
            elif not words:
                raise ValueError("%s needs an argument" % word)
            elif isinstance(options[option], list):
                getattr(self, option).append(words.pop(0))
            else:
                kind = type(options[option])
                setattr(self, option, kind(words.pop(0)))
        if names[-1].endswith("..."):
            n = len(names) - 1
            rest[n:] = [rest[n:]] if rest[n:] else []
        if len(rest) != len(names):
            raise ValueError("there should be %s" % " ".join(names))
        for name, word in zip(names, rest):
            setattr(self, name.rstrip("."),
                    int(word) if name in ("port", "size") else word)


# What a command calls, its options, and its other words.  With --sink, "send"
# waits for packets to arrive in this file of a sink when many are on their
# way; they have "seq".  With --spread they are spread over the interval.
COMMANDS = {
    "make": (cmd_make, {}, ["packet"]),
    "describe": (cmd_describe, {}, ["file"]),
    "send": (cmd_send, {"count": 1.0, "interval": 0.0, "spread": False,
                        "gso": 0, "sink": []}, ["interface", "packet..."]),
    "sink": (cmd_sink, {}, ["interface", "file"]),
    "tcp-server": (cmd_tcp_server, {"ipv6": False}, ["port"]),
    "tcp-client": (cmd_tcp_client, {}, ["host", "port", "size"]),
}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit("usage: xdp-packet %s ..." % "|".join(COMMANDS))
    command, options, names = COMMANDS[sys.argv[1]]
    try:
        args = Args(options, names, sys.argv[2:])
    except ValueError as e:
        sys.exit("xdp-packet %s: %s; see the top of the file"
                 % (sys.argv[1], e))
    command(args)

