"""The ledger follows what is done in its kernel, and shows what strangers wrote as text."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ipycontainers.course import catalogue
from ipycontainers.course.ledger_widget import Ledger
from ipycontainers.course.progress import Progress
from ipycontainers.errors import Invalid

HOSTILE = "<img src=x onerror=alert(1)>|`{0.__class__}`\n\x1b[2J"


def text(ledger: Ledger) -> str:
    return re.sub(r"<[^>]*>", " ", ledger.drawing)


def test_it_has_all_claims_and_all_exercises(progress: Progress) -> None:
    data = Ledger(progress).data
    assert [one["claim"] for one in data["claims"]] == [it.id for it in catalogue.claims()]
    named = [it for name in catalogue.notebooks() for it in catalogue.notebook(name)["exercises"]]
    assert [one["exercise"] for one in data["exercises"]] == named


def test_one_of_a_notebook_has_its_own(progress: Progress, made_up: Any) -> None:
    ledger = Ledger(progress, "98")
    assert [one["claim"] for one in ledger.data["claims"]] == ["C9"]
    assert [one["exercise"] for one in ledger.data["exercises"]] == ["98-door", "98-window"]
    with pytest.raises(Invalid, match="there is no notebook 77"):
        Ledger(progress, "77")


def test_it_is_drawn_again_when_something_is_measured_judged_or_checked(
    progress: Progress, made_up: Any
) -> None:
    ledger = Ledger(progress, "98")
    assert "0 of 1 claims judged, 0 of 2 exercises done" in ledger.drawing
    progress.keep("measured", "C9", {"value": "5 of 8 differ", "engine": "Docker 20"})
    assert "5 of 8 differ (Docker 20)" in ledger.drawing
    progress.keep("verdicts", "C9", "holds")
    assert re.search("Docker 20.*holds .*wrong as worded", text(ledger))
    progress.keep("checks", "98-door", {"state": "correct", "at": "now", "done": "then"})
    progress.keep("checks", "98-window", {"state": "keep working", "at": "now"})
    assert "1 of 1 claims judged, 1 of 2 exercises done" in ledger.drawing
    assert re.search("98-door +✓ correct", text(ledger))
    assert re.search("98-window +keep working", text(ledger))


def test_ours_is_not_shown_before_the_learners(progress: Progress) -> None:
    assert {row["course"] for row in Ledger(progress).rows()} == {""}
    progress.keep("verdicts", "C9", "maybe")
    assert {row["course"] for row in Ledger(progress).rows()} == {""}


def test_what_was_done_stays_done_when_its_containers_are_gone(progress: Progress) -> None:
    progress.keep("checks", "01-name", {"state": "not started", "at": "now", "done": "then"})
    (row,) = [one for one in Ledger(progress).exercises() if one["exercise"] == "01-name"]
    assert (row["state"], row["done"]) == ("✓ correct", True)


def test_the_whole_one_says_what_is_to_do_in_each_notebook(
    progress: Progress, made_up: Any
) -> None:
    progress.keep("checks", "98-door", {"state": "correct", "done": "then"})
    assert re.search("98 Made up +1 of 2 +98-window", text(Ledger(progress)))


@pytest.mark.parametrize("kept", [None, 3, [], "correct", {}, {"state": 3}, {"state": ["x"]}])
def test_what_makes_no_sense_in_the_file_is_as_not_there(progress: Progress, kept: Any) -> None:
    progress.keep("checks", "01-name", kept)
    progress.keep("measured", "C9", kept)
    progress.keep("verdicts", "C9", kept)
    ledger = Ledger(progress)
    assert "✓" not in ledger.drawing
    assert ledger.summary().startswith("0 of 33 claims judged, 0 of ")


def test_what_a_container_said_is_text(progress: Progress) -> None:
    progress.keep("measured", "C9", {"value": HOSTILE, "engine": HOSTILE})
    ledger = Ledger(progress)
    assert "<img" not in ledger.drawing
    assert "\x1b" not in ledger.drawing
    markdown = ledger.to_markdown()
    assert "<img" not in markdown
    (line,) = [line for line in markdown.splitlines() if "onerror" in line]
    assert len(re.findall(r"(?<!\\)\|", line)) == 5
    assert "\\`{0.\\_\\_class\\_\\_}\\`" in line


def test_what_is_stored_is_the_same_whatever_was_done(progress: Progress) -> None:
    before = Ledger(progress, "01")
    form, line = before.static(), repr(before)
    progress.keep("verdicts", "C7", "holds")
    progress.keep("checks", "01-name", {"state": "correct", "done": "then"})
    after = Ledger(progress, "01")
    assert (after.static(), repr(after)) == (form, line)
