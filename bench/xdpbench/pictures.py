# SPDX-License-Identifier: Apache-2.0
"""Pictures of the results, in SVG."""

import math
from xml.sax.saxutils import escape

from .contenders import title
from .results import Results

COLOURS = {'bare': '#777777', 'offload': '#0b6bcb', 'nohints': '#e08b00',
           'userspace': '#b3261e', 'bridge': '#2e7d32', 'packet': '#7b4fa3'}
INK, GRID = '#222222', '#dddddd'
FONT = 'font-family="sans-serif"'


class Svg:
    """A drawing."""

    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.parts = []

    def text(self, x, y, text, size=12, anchor='start', colour=INK,
             weight='normal', rotate=None):
        turn = f' transform="rotate({rotate} {x:.1f} {y:.1f})"' \
            if rotate is not None else ''
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}" fill="{colour}" font-weight="{weight}"'
            f'{turn}>{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, colour=INK, width=1):
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>')

    def rectangle(self, x, y, width, height, colour):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{colour}"/>')

    def path(self, points, colour):
        self.parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" '
            'points="' + ' '.join(f'{x:.1f},{y:.1f}' for x, y in points) +
            '"/>')
        for x, y in points:
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" '
                              f'fill="{colour}"/>')

    def write(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
            f'height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" {FONT}>\n'
            f'<rect width="100%" height="100%" fill="white"/>\n' +
            '\n'.join(self.parts) + '\n</svg>\n')
        return path


def number(value):
    """Returns 'value' in a few characters."""
    for limit, divisor, suffix in ((1e6, 1e6, 'M'), (1e4, 1e3, 'k')):
        if abs(value) >= limit:
            return f'{value / divisor:.3g}{suffix}'
    return f'{value:.3g}'


def ticks(highest, n=5):
    """Returns round numbers from 0 to 'highest' at least."""
    rough = highest / n or 1
    magnitude = 10 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10)
                if factor * magnitude >= rough)
    return [i * step for i in range(math.ceil(highest / step - 1e-9) + 1)]


def bars(scenario, case):
    """Draws a bar for each contender, with the spread of its samples."""
    names = [name for name in scenario.contenders()
             if scenario.has(case, name)]
    left, top, step, width = 160, 40, 34, 430
    svg = Svg(left + width + 90, top + step * len(names) + 30)
    marks = ticks(max(scenario.spread(case, name)[1] for name in names))

    def x(value):
        return left + width * value / marks[-1]

    svg.text(12, 22, f'{scenario.title} ({scenario.unit})', 14,
             weight='bold')
    bottom = top + step * len(names)
    for mark in marks:
        svg.line(x(mark), top, x(mark), bottom, GRID)
        svg.text(x(mark), bottom + 16, number(mark), 11, 'middle')
    for i, name in enumerate(names):
        median = scenario.median(case, name)
        low, high = scenario.spread(case, name)
        middle = top + step * (i + 0.5)
        svg.text(left - 8, middle + 4, title(name), anchor='end')
        svg.rectangle(left, middle - 10, x(median) - left, 20,
                      COLOURS.get(name, INK))
        svg.line(x(low), middle, x(high), middle, INK, 1.5)
        for end in low, high:
            svg.line(x(end), middle - 4, x(end), middle + 4, INK, 1.5)
        svg.text(x(max(high, median)) + 6, middle + 4, number(median))
    return svg


class Panel:
    """A diagram of lines over a logarithmic axis."""

    LEFT, TOP, WIDTH, HEIGHT = 70, 50, 400, 230

    def __init__(self, heading, x_title, lines):
        # 'lines' are name, colour, and points.
        self.heading = heading
        self.x_title = x_title
        self.lines = [line for line in lines if line[2]]

    def draw(self, svg, left):
        left += self.LEFT
        xs = sorted({x for _, _, points in self.lines for x, _ in points})
        marks = ticks(max(y for _, _, points in self.lines
                          for _, y in points))
        span = math.log(xs[-1] / xs[0]) or 1
        bottom = self.TOP + self.HEIGHT

        def place(point):
            return (left + self.WIDTH * math.log(point[0] / xs[0]) / span,
                    bottom - self.HEIGHT * point[1] / marks[-1])

        svg.text(left - self.LEFT + 12, 22, self.heading, 14, weight='bold')
        for mark in marks:
            _, y = place((xs[0], mark))
            svg.line(left, y, left + self.WIDTH, y, GRID)
            svg.text(left - 8, y + 4, number(mark), 11, 'end')
        svg.line(left, bottom, left + self.WIDTH, bottom)
        for x in xs:
            svg.text(place((x, 0))[0], bottom + 16, number(x), 11, 'middle')
        svg.text(left + self.WIDTH / 2, bottom + 34, self.x_title, 12,
                 'middle')
        for i, (name, colour, points) in enumerate(self.lines):
            svg.path([place(point) for point in points], colour)
            svg.line(left + 10, self.TOP - 14 + 16 * i, left + 30,
                     self.TOP - 14 + 16 * i, colour, 2)
            svg.text(left + 36, self.TOP - 10 + 16 * i, name, 12)


def panels(*parts):
    """Draws 'parts' side by side."""
    full = Panel.LEFT + Panel.WIDTH + 30
    svg = Svg(full * len(parts), Panel.TOP + Panel.HEIGHT + 50)
    for i, part in enumerate(parts):
        part.draw(svg, full * i)
    return svg


def by_case(scenario):
    """Returns a line for each contender over cases that are numbers."""
    return [(title(name), COLOURS.get(name, INK),
             [(case, scenario.median(case, name))
              for case in scenario.cases() if scenario.has(case, name)])
            for name in scenario.contenders()]


def install_lines(scenario):
    """Returns lines for what is done to a table of so many flows."""
    lines = {}
    for case in scenario.cases():
        what, size = case.split(', ', 1)
        n = int(size.split()[0].replace(',', ''))
        lines.setdefault(what, []).append(
            (n, scenario.median(case, 'offload')))
    colours = iter(('#0b6bcb', '#e08b00', '#b3261e'))
    return [(what, next(colours), points) for what, points in lines.items()]


def write_all(data, directory):
    """Writes the pictures for which there are results to 'directory'.
    Returns their paths."""
    results = Results.from_json(data['results'])
    written = []

    def write(name, svg):
        written.append(svg.write(directory / f'{name}.svg'))

    one = results.get('one')
    if one and one.cases():
        write('throughput', bars(one, 'one flow'))
    for name, x_title in (('cost-masks', 'masks'),
                          ('cost-flows', 'active flows')):
        scenario = results.get(name)
        if scenario and scenario.cases():
            write(name, panels(Panel(f'{scenario.title} ({scenario.unit})',
                                     x_title, by_case(scenario))))
    install, statistics = results.get('install'), results.get('statistics')
    if install and install.cases() and statistics.cases():
        write('control', panels(
            Panel(f'{install.title}', 'flows in the table',
                  install_lines(install)),
            Panel(f'{statistics.title} ({statistics.unit})', 'flows',
                  by_case(statistics))))
    return written
