"""What a learner has found out is kept for the check to look at, and is not stored."""

from __future__ import annotations

import pytest

from ipycontainers.course import found
from ipycontainers.course.progress import Progress
from ipycontainers.errors import Invalid


@pytest.mark.parametrize("value", [49153, "web", 2.5, ["a", "b"], None, {"a": ["b", 2], "c": "d"}])
def test_it_is_kept(progress: Progress, value: object) -> None:
    card = found("10-run", value)
    assert progress.of("answers") == {"10-run": value}
    assert repr(card) == 'Kept for check("10-run").'


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {"a": {"b": 1}},
        {"a": [["b"]]},
        {"a": object()},
        [["a"]],
        "x" * 10_001,
        ["x"] * 9_999,
        {"x" * 10_001: 1},
    ],
)
def test_what_the_file_should_not_hold_is_refused(progress: Progress, value: object) -> None:
    with pytest.raises(Invalid):
        found("10-run", value)
    assert progress.of("answers") == {}


def test_it_is_for_an_exercise(progress: Progress) -> None:
    with pytest.raises(Invalid, match="no exercise 10-nothing"):
        found("10-nothing", 1)
    assert not progress.path.exists()


def test_what_is_shown_is_no_markup(progress: Progress) -> None:
    assert "<script>" not in found("10-run", "<script>")._repr_mimebundle_()["text/html"]
    assert progress.of("answers") == {"10-run": "<script>"}
