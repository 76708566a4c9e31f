# SPDX-License-Identifier: Apache-2.0
"""Pictures of the results, in SVG.

They have to be readable without colours, at the width of a page on the web,
and the same for the same results, since they are kept beside the sources.
"""

import math
import textwrap

from .contenders import title
from .results import Results
from .system import Failure

PACKAGE = 'python3-matplotlib'

# An axis is logarithmic if its numbers differ by more than this.
MAX_LINEAR = 30

# Inches; 72 points each.
WIDTH, BAR, PANEL = 8, 0.42, 3.3

# Characters that fit in a row of a title, and of a legend with its samples of
# lines.
TITLE_ROW, LEGEND_ROW, LEGEND_SAMPLE = 62, 90, 7

# Digits that fit below an axis.
AXIS_DIGITS = 85

# Colour, hatch of a bar, marker and dashes of a line.
STYLES = {
    'bare': ('#8c8c8c', '', 's', ':'),
    'offload': ('#0b6bcb', '//', 'o', '-'),
    'against': ('#00897b', '||', 'X', (0, (6, 1.5, 1, 1.5, 1, 1.5))),
    'nohints': ('#e08b00', '--', '^', '--'),
    'userspace': ('#b3261e', 'xx', 'D', '-.'),
    'bridge': ('#2e7d32', '\\\\', 'v', (0, (5, 1, 1, 1, 1, 1))),
    'packet': ('#7b4fa3', '++', 'P', (0, (1, 1))),
}

# For what is not one contender each.
PLAIN_STYLES = tuple(STYLES[name]
                     for name in ('offload', 'nohints', 'userspace'))

# Text remains text, which makes small files, and names inside a file do not
# depend on chance.
SETTINGS = {
    'font.size': 10,
    'axes.titlesize': 11,
    'axes.titleweight': 'bold',
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': '#d8d8d8',
    'hatch.linewidth': 0.6,
    'legend.frameon': False,
    'legend.borderaxespad': 0,
    'legend.handlelength': 3,
    'lines.markersize': 6,
    'svg.fonttype': 'none',
    'svg.hashsalt': 'xdpbench',
}


def load():
    """Returns matplotlib, with what is used of it.  Fails if it is not
    installed."""
    try:
        import matplotlib
        import matplotlib.figure
        import matplotlib.ticker
    except ImportError:
        raise Failure(f'the pictures are drawn by matplotlib, which is not '
                      f'there; install the Debian package {PACKAGE}') from None
    return matplotlib


def plain(value, _=None):
    """Returns 'value' as text without an exponent."""
    return f'{value:,.6f}'.rstrip('0').rstrip('.')


def spans_much(values):
    """Returns true if 'values' are too far apart for a linear axis."""
    return min(values) > 0 and max(values) > MAX_LINEAR * min(values)


def scale(matplotlib, axes, name, values):
    """Prepares the axis 'name' of 'axes' for 'values', and for 0 if it is
    linear."""
    axis = getattr(axes, f'{name}axis')
    set_limits = getattr(axes, f'set_{name}lim')
    if spans_much(values):
        low, high = min(values) / 1.4, max(values) * 1.4
        getattr(axes, f'set_{name}scale')('log')
        set_limits(low, high)
        few = math.log10(high / low) < 2.5
        axis.set_major_locator(matplotlib.ticker.LogLocator(
            subs=(1, 2, 5) if few else (1,)))
        axis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    else:
        low, high = min(0, *values), max(0, *values)
        margin = 0.06 * (high - low or 1)
        set_limits(low - margin * (low < 0), high + margin)
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(plain))
    axes.grid(False)
    axis.grid(True, which='major')


def spread_out(values):
    """Returns those of 'values', ascending, that have room for their numbers
    below a logarithmic axis."""
    whole = math.log(values[-1] / values[0])
    kept = [values[-1]]
    for value in reversed(values[:-1]):
        digits = (len(plain(kept[-1])) + len(plain(value))) / 2 + 2
        if math.log(kept[-1] / value) >= whole * digits / AXIS_DIGITS:
            kept.append(value)
    return kept[::-1]


def bars(matplotlib, figure, scenario, case):
    """Draws a bar for each contender, with the spread of its samples."""
    names = [name for name in scenario.contenders()
             if scenario.has(case, name)]
    figure.set_size_inches(WIDTH, BAR * len(names) + 1.1)
    axes = figure.subplots()
    spreads = [scenario.spread(case, name) for name in names]
    scale(matplotlib, axes, 'x', [value for pair in spreads
                                  for value in pair])
    for y, (name, (low, high)) in enumerate(zip(names, spreads)):
        median = scenario.median(case, name)
        colour, hatch, _, _ = style(name)
        axes.barh(y, median, 0.7, color=colour, hatch=hatch,
                  edgecolor='white')
        axes.barh(y, median, 0.7, color='none', edgecolor='black',
                  linewidth=0.8)
        axes.errorbar(median, y, xerr=[[median - low], [high - median]],
                      color='black', capsize=4, linewidth=1.2)
        axes.annotate(f'{median:,.{scenario.digits}f}', (max(high, median), y),
                      (8, 0), textcoords='offset points', va='center')
    axes.set_yticks(range(len(names)), map(title, names))
    axes.tick_params(axis='y', length=0)
    axes.invert_yaxis()
    axes.set_xlabel(scenario.unit)
    axes.set_title(textwrap.fill(scenario.title, TITLE_ROW), loc='left')


def lines(matplotlib, axes, heading, x_title, y_title, data):
    """Draws lines over a logarithmic axis.  'data' has name, style, and points
    of each."""
    data = [line for line in data if line[2]]
    xs = sorted({x for _, _, points in data for x, _ in points})
    scale(matplotlib, axes, 'y', [y for _, _, points in data
                                  for _, y in points])
    axes.set_xscale('log')
    axes.set_xticks(spread_out(xs), map(plain, spread_out(xs)))
    axes.set_xticks(xs, minor=True)
    axes.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    for name, (colour, _, marker, dashes), points in data:
        axes.plot(*zip(*points), label=name, color=colour, marker=marker,
                  linestyle=dashes, markeredgecolor='white',
                  markeredgewidth=0.6, linewidth=1.8)
    axes.set_xlabel(x_title)
    axes.set_ylabel(y_title)

    # The legend is between the title and the picture, where no line is.
    longest = max(len(name) for name, _, _ in data) + LEGEND_SAMPLE
    columns = max(1, min(len(data), LEGEND_ROW // longest))
    axes.legend(loc='lower left', bbox_to_anchor=(0, 1.02), ncol=columns)
    axes.set_title(textwrap.fill(heading, TITLE_ROW), loc='left',
                   pad=10 + 16 * math.ceil(len(data) / columns))


def style(name):
    """Returns how contender 'name' is drawn."""
    return STYLES.get(name, ('#444444', '', '*', '-'))


def by_case(scenario):
    """Returns a line for each contender over cases that are numbers."""
    return [(title(name), style(name),
             [(case, scenario.median(case, name))
              for case in scenario.cases() if scenario.has(case, name)])
            for name in scenario.contenders()]


def install_lines(scenario):
    """Returns lines for what is done to a table of so many flows."""
    found = {}
    for case in scenario.cases():
        what, size = case.split(', ', 1)
        n = int(size.split()[0].replace(',', ''))
        found.setdefault(what, []).append(
            (n, scenario.median(case, 'offload')))
    return [(what, line, points)
            for (what, points), line in zip(found.items(), PLAIN_STYLES)]


def panels(matplotlib, figure, *parts):
    """Draws 'parts', arguments of lines(), below each other."""
    figure.set_size_inches(WIDTH, PANEL * len(parts))
    figure.get_layout_engine().set(hspace=0.08)
    for axes, part in zip(figure.subplots(len(parts), squeeze=False)[:, 0],
                          parts):
        lines(matplotlib, axes, *part)


def write_all(data, directory):
    """Writes the pictures for which there are results to 'directory'.
    Returns their paths."""
    matplotlib = load()
    results = Results.from_json(data['results'])
    written = []

    def write(name, draw, *args):
        figure = matplotlib.figure.Figure(layout='constrained')
        draw(matplotlib, figure, *args)
        path = directory / f'{name}.svg'
        path.parent.mkdir(parents=True, exist_ok=True)
        # However long a text is, the picture is as large as it needs.
        figure.savefig(path, bbox_inches='tight', pad_inches=0.1,
                       metadata={'Date': None, 'Creator': None})
        written.append(path)

    with matplotlib.rc_context():
        # Not what the user likes.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        one = results.get('one')
        if one and one.cases():
            write('throughput', bars, one, 'one flow')
        for name, x_title in (('cost-masks', 'masks'),
                              ('cost-flows', 'active flows')):
            scenario = results.get(name)
            if scenario and scenario.cases():
                write(name, panels, (scenario.title, x_title, scenario.unit,
                                     by_case(scenario)))
        install, statistics = results.get('install'), results.get('statistics')
        if install and install.cases() and statistics.cases():
            write('control', panels,
                  (install.title, 'flows in the table', install.unit,
                   install_lines(install)),
                  (statistics.title, 'flows', statistics.unit,
                   by_case(statistics)))
    return written
