"""dockerd reads the same texts, and says the same of them. It needs no container for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from engine.build.judge import Judge, read
from engine.build.texts import BODIES, LATER, REFUSED, WHOLE

from ipycontainers.engine.build.dockerfile import parse
from ipycontainers.errors import Invalid

GIVEN: list[dict[str, str]] = [
    {},
    {"V": "2"},
    {"V": ""},
    {"HTTP_PROXY": "http://p", "W": "9", "X": "y"},
]
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
    texts = [f"FROM scratch\n{body}\n" for body in BODIES] + WHOLE
    for text, theirs in zip(texts, dockerd.of_each(texts), strict=True):
        assert (200, read(text)) == theirs, text


# R26
def test_build_arguments_have_the_same_scopes(dockerd: Judge) -> None:
    for given, theirs in zip(GIVEN, dockerd.of_each([ARGUMENTS] * len(GIVEN), GIVEN), strict=True):
        assert (200, read(ARGUMENTS, given)) == theirs, given


def test_what_is_wrong_is_refused_in_the_same_words(dockerd: Judge) -> None:
    for text, theirs in zip(REFUSED, dockerd.of_each(REFUSED), strict=True):
        with pytest.raises(Invalid) as refused:
            parse(text, heredocs=False)
        assert (400, str(refused.value)) == theirs, text


def test_what_is_wrong_later_is_told_in_the_same_words(dockerd: Judge) -> None:
    for text, theirs in zip(LATER, dockerd.of_each(LATER), strict=True):
        with pytest.raises(Invalid) as refused:
            read(text)
        assert (200, str(refused.value)) == theirs, text
