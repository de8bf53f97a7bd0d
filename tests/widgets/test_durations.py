"""Durations are of one or two units."""

from __future__ import annotations

import pytest

from ipycontainers.widgets.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"), (0.0034, "3 ms"), (0.9996, "1.0 s"), (2.44, "2.4 s"), (9.96, "10 s"),
        (59, "59 s"), (59.6, "1 min"), (80, "1 min 20 s"), (3660, "1 h 1 min"),
        (200_000, "2 d 7 h"), (86_405, "1 d 5 s"),
    ],
)  # fmt: skip
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
