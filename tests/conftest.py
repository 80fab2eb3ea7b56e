"""What every test may rely on."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict

import hypothesis
import pytest

hypothesis.settings.register_profile("gate", derandomize=True)
if os.environ.get("RELUCTANT_EXAMPLES") != "all":
    hypothesis.settings.load_profile("gate")  # the same examples every time; "all" draws others too

SHARE = 3
"""The gate draws one in so many of the examples that a property asks for, and at least so many:"""
LEAST = 15


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the cases of a test with `@pytest.mark.gate(n)` the gate runs n, spread over all; the others are slow.

    Properties draw all their examples where RELUCTANT_EXAMPLES=all.
    """
    cases = defaultdict(list)
    for item in items:
        if item.get_closest_marker("gate") is not None:
            cases[item.parent, item.originalname].append(item)
    for group in cases.values():
        n = group[0].get_closest_marker("gate").args[0]
        chosen = {round(k * (len(group) - 1) / max(n - 1, 1)) for k in range(n)}
        for i, item in enumerate(group):
            if i not in chosen:
                item.add_marker(pytest.mark.slow)
    if os.environ.get("RELUCTANT_EXAMPLES") != "all":
        properties = [item for item in items if hypothesis.is_hypothesis_test(getattr(item, "obj", None))]
        for function in {item.function for item in properties if item.get_closest_marker("slow") is None}:
            _draw_fewer(function)


def _draw_fewer(function) -> None:
    """Let a property draw a share of its examples; without randomness they are the first ones."""
    all_of_them = function._hypothesis_internal_use_settings
    fewer = max(all_of_them.max_examples // SHARE, min(LEAST, all_of_them.max_examples))
    function._hypothesis_internal_use_settings = hypothesis.settings(all_of_them, max_examples=fewer)


@pytest.fixture(scope="session", autouse=True)
def _interrupts_are_heard():
    """A shell that runs the tests in the background has them ignore Ctrl-C, and whatever they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def cpu_clock(monkeypatch):
    """Time limits in CPU seconds of this process, whatever else the machine does."""
    monkeypatch.setattr(time, "monotonic", time.process_time)
