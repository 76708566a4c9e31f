# SPDX-License-Identifier: Apache-2.0
"""How much of the megaflows of OVS's own tests the offload covers.

The provider says of each megaflow that it was offered whether it ever was in
XDP or, if not, what the last reason was ("ovs-appctl xdp/refused").  Each test
appends these numbers to a file; the report adds them up.  Puts are not
counted: how often a megaflow is put depends on how busy the machine is.

The file "coverage" of the version of OVS, in a directory next to this file, is
the report that new ones are compared with.
"""

import re

HEAD = """\
# SPDX-License-Identifier: Apache-2.0
#
# What became of the megaflows of OVS's own tests, with the offload on.
"""
REASONS = "In userspace for all of their lives, by the last reason:"
TESTS = "Offered and offloaded in each test:"

# How far the share of offloaded megaflows may fall behind the reference, as a
# part of all, and in megaflows, which matters when few tests run.  The kernel
# sends IPv6 messages of its own, which are flooded to ports that are not in
# XDP, too: how many megaflows they make depends on how busy the machine is, and
# the share with it by up to two points.  A feature that is lost altogether
# shows by its reason, however few megaflows have it.
TOLERANCE = 0.03
TOLERANCE_FLOWS = 5


class Coverage:
    """Numbers of megaflows."""

    def __init__(self):
        self.tests = {}     # Title -> [offered, offloaded].
        self.reasons = {}   # Text -> megaflows.

    def add(self, path, titles):
        """Adds what the tests wrote to the file 'path'.

        'titles' is a dict: test number -> title, of the tests to count."""
        with open(path) as f:
            for line in f:
                number, n, what = line.rstrip("\n").split("|", 2)
                if int(number) not in titles:
                    continue
                test = self.tests.setdefault(titles[int(number)], [0, 0])
                if what == "offered":
                    test[0] += int(n)
                elif what == "offloaded":
                    test[1] += int(n)
                else:
                    self.reasons[what] = self.reasons.get(what, 0) + int(n)

    def totals(self, titles=None):
        """Returns megaflows offered and offloaded in the tests 'titles'."""
        counts = [counts for title, counts in self.tests.items()
                  if titles is None or title in titles]
        return sum(c[0] for c in counts), sum(c[1] for c in counts)

    def table(self):
        """Returns the part of the report that is printed."""
        offered, offloaded = self.totals()

        def row(n, text):
            return "%7d %5.1f %%  %s" % (n, 100 * n / max(offered, 1), text)

        lines = ["%7d          megaflows offered" % offered,
                 row(offloaded, "offloaded"), "", REASONS]
        lines += [row(n, reason) for reason, n in sorted(
            self.reasons.items(), key=lambda item: (-item[1], item[0]))]
        return "\n".join(lines) + "\n"

    def write(self, path):
        """Writes the whole report to the file 'path'."""
        with open(path, "w") as f:
            f.write("%s\n%s\n%s\n" % (HEAD, self.table(), TESTS))
            for title, (offered, offloaded) in sorted(self.tests.items()):
                f.write("%7d %7d  %s\n" % (offered, offloaded, title))


def read(path):
    """Returns the report in the file 'path'."""
    coverage = Coverage()
    section = None
    with open(path) as f:
        for line in f:
            line = line.rstrip("\n")
            if line in (REASONS, TESTS):
                section = line
            elif section == REASONS and line:
                n, reason = re.match(r" *(\d+) +[\d.]+ %  (.*)", line).groups()
                coverage.reasons[reason] = int(n)
            elif section == TESTS and line:
                offered, offloaded, title = re.match(
                    r" *(\d+) +(\d+)  (.*)", line).groups()
                coverage.tests[title] = [int(offered), int(offloaded)]
    return coverage


def compare(coverage, reference):
    """Returns what is worse in 'coverage' than in 'reference', as texts.

    Only tests that are in both are compared: a selection of tests, or a
    machine that skips some, says nothing about the others."""
    worse = []
    common = coverage.tests.keys() & reference.tests.keys()
    offered, offloaded = coverage.totals(common)
    was_offered, was_offloaded = reference.totals(common)
    share = offloaded / max(offered, 1)
    was_share = was_offloaded / max(was_offered, 1)
    tolerance = TOLERANCE + TOLERANCE_FLOWS / max(offered, 1)
    if share < was_share - tolerance:
        worse.append("%.1f %% of the megaflows were offloaded, and %.1f %% in "
                     "the reference, in the same %d tests; %.1f points less "
                     "would be noise"
                     % (100 * share, 100 * was_share, len(common),
                        100 * tolerance))
    for reason in sorted(coverage.reasons.keys() - reference.reasons.keys()):
        if coverage.reasons[reason] <= TOLERANCE_FLOWS:
            # What happens once in a while, as a port that is no target yet.
            continue
        worse.append("%d megaflows were refused for a reason that the "
                     "reference does not have: %s"
                     % (coverage.reasons[reason], reason))
    return worse
