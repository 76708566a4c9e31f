# SPDX-License-Identifier: Apache-2.0
"""Results on the terminal, as JSON, and as a page of documentation."""

import json
import pathlib
import textwrap

from . import pictures
from .contenders import AGAINST, OTHERS, title
from .results import Results
from .system import Failure
from .verdict import goals


def save(data, path):
    path.write_text(json.dumps(data, indent=1) + '\n')


def load(path):
    try:
        data = json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as error:
        raise Failure(f'{path}: {error}') from None
    if data.get(AGAINST):
        OTHERS[AGAINST] = data[AGAINST]
    return data


def case_text(case):
    return f'{case:,}' if isinstance(case, int) else case


def cell(scenario, case, name):
    """Returns the median with its spread."""
    if not scenario.has(case, name):
        return '-'
    number = f'{{:,.{scenario.digits}f}}'
    text = number.format(scenario.median(case, name))
    if len(scenario.samples[case][name]) > 1:
        low, high = scenario.spread(case, name)
        text += f' ({number.format(low)} to {number.format(high)})'
    return text


def table(scenario):
    """Returns rows of texts, the first of which has the names of the
    columns."""
    names = scenario.contenders()
    others = [name for name in ('bare', AGAINST)
              if {name, 'offload'} <= set(names)]
    rows = [['', *map(title, names),
             *('of bare' if name == 'bare' else f'of {title(name)}'
               for name in others)]]
    for case in scenario.cases():
        ratios = [scenario.ratio(case, 'offload', name) for name in others]
        rows.append([case_text(case),
                     *(cell(scenario, case, name) for name in names),
                     *('' if ratio is None else f'{ratio:.2f}'
                       for ratio in ratios)])
    return rows


def widths(rows):
    return [max(map(len, column)) for column in zip(*rows)]


def format_rows(rows):
    """Returns 'rows' as lines, with columns aligned."""
    width = widths(rows)
    return ['  '.join(text.ljust(n) for text, n in zip(row, width)).rstrip()
            for row in rows]


def headline(data):
    return (f'Linux {data["kernel"]}, {data["cpu"]}, {data["n_cpus"]} CPUs, '
            f'{data["date"][:10]}, {data["seconds"]} seconds')


def disturbances(data):
    """Returns a sentence about other work on the machine, or ''."""
    if not data['repeated']:
        return ''
    return (f'The CPU was busy with something else during '
            f'{data["repeated"] + data["disturbed"]} samples; '
            f'{data["repeated"]} of them were repeated and '
            f'{data["disturbed"]} kept.')


def goal_rows(results):
    return [['', 'measured', 'wanted', 'verdict'],
            *(list(goal.columns()) for goal in goals(results))]


def print_all(data):
    """Prints all tables and verdicts.  Returns true if nothing failed and
    everything that was measured is as good as it must be."""
    results = Results.from_json(data['results'])
    print(headline(data))
    if disturbances(data):
        print(disturbances(data))
    for scenario in results.scenarios.values():
        print(f'\n{scenario.title} ({scenario.unit})')
        for line in format_rows(table(scenario)):
            print(f'  {line}')
    print('\nGoals')
    for line in format_rows(goal_rows(results)):
        print(f'  {line}')
    for name, failure in data['failures'].items():
        print(f'\nScenario "{name}" failed: {failure}')
    return not data['failures'] and all(
        goal.reached for goal in goals(results) if goal.is_measured)


def rst_table(rows):
    """Returns 'rows' as a simple table of reStructuredText."""
    # An empty first cell would continue the row before.
    rows = [[row[0] or '\\', *row[1:]] for row in rows]
    rule = '  '.join('=' * n for n in widths(rows))
    head, *body = format_rows(rows)
    return [rule, head, rule, *body, rule]


def rst_section(name, underline):
    return [name, underline * len(name), '']


def write_rst(data, path):
    """Writes the page 'path', and the pictures beside it."""
    results = Results.from_json(data['results'])
    lines = ['..', '      SPDX-License-Identifier: Apache-2.0', '',
             '      Written by "bench/run --rst"; do not edit.', '',
             '=' * 17, 'Benchmark results', '=' * 17, '',
             'Of one run of', '', '::', '', f'    # {data["command"]}', '',
             *textwrap.wrap(
                 f'on {data["date"][:10]}: Linux {data["kernel"]}, '
                 f'{data["cpu"]}, {data["n_cpus"]} CPUs of a virtual machine; '
                 f'it took {data["seconds"]} seconds.  `benchmark.rst`_ says '
                 f'what is measured and how.  Medians; in parentheses the '
                 f'smallest and the largest sample.  {disturbances(data)}',
                 79), '']
    lines += rst_section('Goals', '-')
    lines += rst_table(goal_rows(results)) + ['']
    for name, failure in data['failures'].items():
        lines += [f'Scenario "{name}" failed: {failure}', '']
    lines += rst_section('Pictures', '-')
    for picture in pictures.write_all(data, path.parent):
        lines += [f'.. image:: {picture.name}', '']
    for scenario in results.scenarios.values():
        lines += rst_section(f'{scenario.title} ({scenario.unit})', '-')
        lines += rst_table(table(scenario)) + ['']
    lines += ['.. _benchmark.rst: ../benchmark.rst']
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
