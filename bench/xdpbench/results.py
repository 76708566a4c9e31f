# SPDX-License-Identifier: Apache-2.0
"""What was measured: samples by scenario, case and contender."""

import statistics


class Scenario:
    """A table of results: a row for each case, a column for each
    contender."""

    def __init__(self, title, unit, better, digits):
        self.title = title
        self.unit = unit
        self.better = better            # 'higher' or 'lower'.
        self.digits = digits
        self.samples = {}               # By case, then by contender.

    def add(self, case, contender, value):
        self.samples.setdefault(case, {}).setdefault(contender,
                                                     []).append(value)

    def cases(self):
        return list(self.samples)

    def contenders(self):
        names = []
        for by_contender in self.samples.values():
            names += [name for name in by_contender if name not in names]
        return names

    def has(self, case, contender):
        return contender in self.samples.get(case, {})

    def median(self, case, contender):
        """Returns the median of the samples, or None without any."""
        if not self.has(case, contender):
            return None
        return statistics.median(self.samples[case][contender])

    def spread(self, case, contender):
        """Returns the smallest and the largest sample."""
        values = self.samples[case][contender]
        return min(values), max(values)

    def ratio(self, case, contender, other, other_case=None):
        """Returns how the median of 'contender' compares with that of
        'other', or None."""
        a = self.median(case, contender)
        b = self.median(other_case or case, other)
        return None if a is None or not b else a / b

    def to_json(self):
        rows = []
        for case, by_contender in self.samples.items():
            for name, values in by_contender.items():
                low, high = self.spread(case, name)
                rows.append({'case': case, 'contender': name,
                             'median': self.median(case, name), 'min': low,
                             'max': high, 'samples': values})
        return {'title': self.title, 'unit': self.unit,
                'better': self.better, 'digits': self.digits,
                'rows': rows}


class Results:
    """All scenarios that were run."""

    def __init__(self):
        self.scenarios = {}

    def scenario(self, name, title, unit, better='higher', digits=3):
        """Returns the scenario 'name', new or as it was."""
        if name not in self.scenarios:
            self.scenarios[name] = Scenario(title, unit, better, digits)
        return self.scenarios[name]

    def get(self, name):
        return self.scenarios.get(name)

    def ratio(self, name, *args):
        scenario = self.get(name)
        return scenario.ratio(*args) if scenario else None

    def median(self, name, *args):
        scenario = self.get(name)
        return scenario.median(*args) if scenario else None

    def to_json(self):
        return {name: scenario.to_json()
                for name, scenario in self.scenarios.items()}

    @staticmethod
    def from_json(data):
        results = Results()
        for name, entry in data.items():
            scenario = results.scenario(name, entry['title'], entry['unit'],
                                        entry['better'], entry['digits'])
            for row in entry['rows']:
                for value in row['samples']:
                    scenario.add(row['case'], row['contender'], value)
        return results
