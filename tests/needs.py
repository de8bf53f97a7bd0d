"""What a test needs of an engine that not every launcher of our own has, and how it says no.

    @pytest.mark.needs("hostname")
    def test_…

On an engine that has all of it the test runs as it is. On one that lacks some of it the
test runs too: it must fail, and in it the engine must have said so, in the documented
words for each thing that is lacking. So no launcher pretends, and no test is left out.

Knows: the words. Does not know: which launcher has what; the engine says that (/info).
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kernels import Kernel

LAUNCHER = r"\(?the launcher \w+ cannot"
# What a launcher may lack; it says in /info what it has.
PROTECTIONS = {
    "read-only": rf"not enforced here: (--read-only|a mount's :ro) {LAUNCHER}",
    "network-none": rf"not enforced here: --network none {LAUNCHER}",
    "capabilities": rf"not enforced here: --cap-drop {LAUNCHER}",
    "hostname": rf"--hostname is ignored: {LAUNCHER} set it",
}
# What our own engine lacks on each launcher.
LACKING = {
    "limits": r"--(memory|cpus|pids-limit) is ignored: no control group",
    "join-pid": r"--pid container:\S+ is refused: this engine cannot join",
}
REFUSALS = PROTECTIONS | LACKING


_witnesses: list[Callable[[], str]] = []


@contextmanager
def witness(seen: Callable[[], str]) -> Iterator[None]:
    """Within it ``seen`` gives text that the engine's words may be looked for in."""
    _witnesses.append(seen)
    yield
    _witnesses.remove(seen)


def has(engine: Any, word: str) -> bool:
    """Whether the engine isolates or enforces that: every other engine than ours does."""
    return not engine.launcher or word in dict(engine.info()["DriverStatus"])["Isolates"].split()


def lacking(item: pytest.Function) -> list[str]:
    """What the test is marked to need and the engine under test has not."""
    needed = {word for mark in item.iter_markers("needs") for word in mark.args}
    assert needed <= set(REFUSALS), f"no such need: {needed - set(REFUSALS)}"
    engine = item.funcargs.get("engine")
    return sorted(word for word in needed if not has(engine, word))


@contextmanager
def refused(words: list[str]) -> Iterator[None]:
    """Around the call of a test on an engine that lacks these."""
    Kernel.seen.clear()
    try:
        yield
    except Exception as error:  # noqa: BLE001 – whatever the test fails with
        said = traceback.format_exception_only(error)
        told = "\n".join([*said, *map(_shown, Kernel.seen), *(seen() for seen in _witnesses)])
    else:
        pytest.fail(f"it passes, and is marked to need {', '.join(words)}", pytrace=False)
    silent = [word for word in words if not re.search(REFUSALS[word], told)]
    if silent:
        pytest.fail(f"nothing was said of {', '.join(silent)} in:\n{told}", pytrace=False)


def _shown(result: Any) -> str:
    return f"{result.stdout}\n{result.stderr}\n{result.error or ''}"
