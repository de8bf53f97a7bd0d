"""dockerd reads the same texts, and says the same of them. It needs no container for that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from engine.build.judge import Judge, read
from engine.build.texts import BODIES, LATER, REFUSED, WHOLE

from ipycontainers.engine.build.dockerfile import parse
from ipycontainers.errors import Invalid

STAGES = "".join(f"FROM scratch\n{body}\n" for body in BODIES)
ARGUMENTS = (
    "ARG V=1.0\nARG W=$V\nFROM scratch\nLABEL a=[$V] h=$HTTP_PROXY\n"
    "ARG V\nENV b=[$V]\nARG W\nENV c=$W\nARG HTTP_PROXY\nLABEL q=$HTTP_PROXY\n"
)


@pytest.fixture
def dockerd(engine: Any) -> Iterator[Judge]:
    judge = Judge(engine.docker)
    yield judge
    judge.forget()


def test_instructions_say_the_same_of_a_config_and_its_history(dockerd: Judge) -> None:
    status, theirs = dockerd.of(STAGES)
    assert status == 200, theirs
    ours = read(STAGES)
    for body, their, our in zip(BODIES, theirs, ours, strict=True):
        assert our == their, body


@pytest.mark.parametrize("text", WHOLE)
def test_files_say_the_same(dockerd: Judge, text: str) -> None:
    assert dockerd.of(text) == (200, read(text))


# R26
@pytest.mark.parametrize(
    "given", [{}, {"V": "2"}, {"V": ""}, {"HTTP_PROXY": "http://p", "W": "9", "X": "y"}]
)
def test_build_arguments_have_the_same_scopes(dockerd: Judge, given: dict[str, str]) -> None:
    assert dockerd.of(ARGUMENTS, given) == (200, read(ARGUMENTS, given))


def test_what_is_wrong_is_refused_in_the_same_words(dockerd: Judge) -> None:
    with ThreadPoolExecutor(8) as together:
        theirs = list(together.map(dockerd.of, REFUSED))
    for text, their in zip(REFUSED, theirs, strict=True):
        with pytest.raises(Invalid) as refused:
            parse(text, heredocs=False)
        assert (400, str(refused.value)) == their, text


def test_what_is_wrong_later_is_told_in_the_same_words(dockerd: Judge) -> None:
    for text in LATER:
        with pytest.raises(Invalid) as refused:
            read(text)
        assert (200, str(refused.value)) == dockerd.of(text), text
