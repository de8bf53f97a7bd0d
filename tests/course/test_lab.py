"""Which containers are an exercise's, and that no others are removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ipycontainers.course import lab as module
from ipycontainers.course.lab import LABEL, Lab, remove

TOOLBOX = "ipyc/toolbox:1"


@pytest.fixture
def made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Label → id; "" has none. ``remove`` works on the engine under test."""
    monkeypatch.setattr(module.Lab, "here", lambda **_: lab)
    docker: Any = lab.engine.docker
    labels = ["t9", "t9-one", "t9-one-more", "t99-one", ""]
    found = {
        one: docker.containers.create(TOOLBOX, "true", labels={LABEL: one} if one else {}).id
        for one in labels
    }
    yield found
    for one in found.values():
        lab.engine.remove(one)


def left(lab: Lab, made: dict[str, str]) -> list[str]:
    there = {str(one["Id"]) for one in lab.engine.list_containers()}
    return [label for label, one in made.items() if one in there]


def test_those_of_an_exercise_are_removed_and_no_others(lab: Lab, made: dict[str, str]) -> None:
    assert remove("t9-one") == 2
    assert left(lab, made) == ["t9", "t99-one", ""]


def test_those_of_a_notebook_are_removed_and_no_others(lab: Lab, made: dict[str, str]) -> None:
    assert remove("t9") == 3
    assert left(lab, made) == ["t99-one", ""]


def test_one_that_was_called_by_its_digest_is_removed_too(lab: Lab, made: dict[str, str]) -> None:
    digest = str(lab.engine.inspect_image(TOOLBOX)["Id"])
    docker: Any = lab.engine.docker
    pinned = docker.containers.create(digest, "true", labels={LABEL: "t9-two"})
    assert remove("t9-two") == 1
    assert pinned.id not in {one["Id"] for one in lab.engine.list_containers()}
    assert "t9-one" in left(lab, made)


@pytest.mark.parametrize(
    ("older", "newer"),
    [("05.12Z", "05.125Z"), ("05Z", "05.5Z"), ("06+00:00", "05.5-01:00")],
)
def test_the_newest_is_so_by_time_and_not_by_letter(older: str, newer: str) -> None:
    before, after = ({"Created": f"2026-01-01T00:00:{one}"} for one in (older, newer))
    assert sorted([after, before], key=module.created) == [before, after]


def test_those_made_for_an_exercise_come_newest_first(lab: Lab, made: dict[str, str]) -> None:
    docker: Any = lab.engine.docker
    newer = docker.containers.create(TOOLBOX, "true", labels={LABEL: "t9-one"})
    try:
        assert [one["Id"] for one in lab.made_for("t9-one")] == [newer.id, made["t9-one"]]
    finally:
        newer.remove()
