"""What came of docker-py's tests on several engines: shares by area, and the README's list.

Knows: the README's tables. Does not know: how tests are run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.areas import PROMISED, area_of
from conformance.suite import Outcome

README = Path(__file__).with_name("README.md")
Outcomes = Mapping[str, Outcome]
# | `api_exec_test::ExecTest::test_x` | bubblewrap, ptrace | why |
ROW = re.compile(r"^\| `([^`]+)` \| ([a-z, ]+) \| .+ \|$")


@dataclass(frozen=True)
class Share:
    passed: int
    of: int

    @property
    def percent(self) -> float:
        return 100 * self.passed / self.of if self.of else 100.0

    def __str__(self) -> str:
        return f"{self.passed} of {self.of} ({self.percent:.0f} %)"


def passing(outcomes: Outcomes, areas: Iterable[str]) -> list[str]:
    chosen = set(areas)
    return sorted(t for t, one in outcomes.items() if one.has_passed and area_of(t) in chosen)


def share(reference: Outcomes, ours: Outcomes, areas: Iterable[str]) -> Share:
    """Of the tests in these areas that pass on the reference, how many pass on ours."""
    chosen = passing(reference, areas)
    return Share(sum(_passes(ours, test) for test in chosen), len(chosen))


def fails(reference: Outcomes, ours: Outcomes) -> list[str]:
    """What passes on the reference and does not on ours, which includes what never ran."""
    return [test for test in passing(reference, PROMISED) if not _passes(ours, test)]


def _passes(outcomes: Outcomes, test: str) -> bool:
    return test in outcomes and outcomes[test].has_passed


def listed(launcher: str) -> frozenset[str]:
    """The tests that the README says fail."""
    rows = map(ROW.match, README.read_text(encoding="utf-8").splitlines())
    return frozenset(row[1] for row in rows if row and launcher in row[2].split(", "))


def table(reference: Outcomes, ours: Outcomes) -> list[str]:
    """One line for each area that has tests, and one for each test that fails."""
    counted = {area: share(reference, ours, [area]) for area in PROMISED}
    lines = [f"  {area:<12} {one}" for area, one in counted.items() if one.of]
    for test in fails(reference, ours):
        reason = ours[test].reason if test in ours else "did not run"
        lines.append(f"    fails: {test}  …{reason[-80:]}")
    return lines
