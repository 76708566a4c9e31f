# SPDX-License-Identifier: Apache-2.0
"""The list of scenarios, which other modules add to."""

SCENARIOS = {}


def scenario(name, text):
    """Registers a scenario: a function that takes a Context."""
    def register(function):
        function.text = text
        SCENARIOS[name] = function
        return function
    return register


class Context:
    """What a scenario works with."""

    def __init__(self, tools, options, results, disturbed, contenders,
                 progress):
        self.tools = tools
        self.options = options
        self.results = results
        self.disturbed = disturbed
        self.contenders = contenders    # Names.
        self.progress = progress
