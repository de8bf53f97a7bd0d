"""Limits for what ends a test and for what ends a run; pytest-timeout has one for the test itself.

That one is over with a test's first failure, and what such a test has left undone is often what
its fixtures wait for. A plugin of pytest; ``--timeout`` and ``timeout`` in setup.cfg are its limit.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from collections.abc import Iterator
from types import FrameType

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    seconds = _seconds(item.config)

    def late(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"what ends this test waited for more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)  # one fixture may hang after another
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Python waits for every thread, and some wait for what never comes."""
    if seconds := _seconds(config):
        faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)


def _seconds(config: pytest.Config) -> float:
    return float(config.getoption("timeout") or config.getini("timeout") or 0)
