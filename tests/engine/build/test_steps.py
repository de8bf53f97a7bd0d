"""What a RUN is given and what it says."""

from __future__ import annotations

from typing import Any

import embedded
import images as recipes
import pytest
from engine.build.building import build
from engine.conftest import LAUNCHERS

FROM = "FROM ipycontainers-test/busybox\n"
SCRIPT = f"{FROM}RUN <<EOF\n#!/bin/sh\necho from-$0\nEOF\n"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_script_runs_wherever_the_data_lies_and_nothing_is_warned_of(launcher: str) -> None:
    with embedded.running(launcher, name="d:a,ta") as engine:
        recipes.ensure(engine.client, "busybox")
        for _ in range(2):
            made = build(engine.client, SCRIPT, nocache=1, networkmode="host")
            assert made.error is None
            assert "from-/dev/pipes/EOF\n" in made.text
            assert "[Warning]" not in made.text


def test_a_character_that_is_cut_off_is_told(docker: Any, engine: Any) -> None:
    text = f"{FROM}RUN printf 'a\\303'; printf 'b\\342\\202' >&2\n"
    ours, theirs = (build(it, text, nocache=1) for it in (docker, engine.docker))
    assert "a\ufffd" in theirs.text
    assert ours.text.count("\ufffd") == 2  # at the end of each of both streams
    assert "\x1b[91m\ufffd" in ours.text
