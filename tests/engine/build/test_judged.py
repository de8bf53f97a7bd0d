"""dockerd reads the same texts, and says the same of them. It needs no container for that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import embedded
import pytest
from embedded import Engine
from engine.build.judge import Judge, Outcome, Query
from engine.build.texts import BASED, BODIES, LATER, REFUSED, WHOLE

from ipycontainers.engine.build.dockerfile import parse
from ipycontainers.errors import Invalid

ARGUMENTS = (
    "ARG V=1.0\nARG W=$V\nFROM scratch\nLABEL a=[$V] h=$HTTP_PROXY\n"
    "ARG V\nENV b=[$V]\nARG W\nENV c=$W\nARG HTTP_PROXY\nLABEL q=$HTTP_PROXY\n"
)
TARGETS = "FROM scratch AS A\nLABEL a=1\nFROM scratch AS b\nLABEL b=1\nFROM a\nLABEL c=1\n"


class Both:
    """The two engines, of which each says the same; all of the texts are built, or none."""

    def __init__(self, dockerd: Any, ours: Any) -> None:
        self.engines = Judge(dockerd), Judge(ours)

    def of_each(
        self, texts: list[str], queries: list[Query] | None = None, *, builds: bool = True
    ) -> list[Outcome]:
        theirs, ours = (engine.of_each(texts, queries) for engine in self.engines)
        for text, their, our in zip(texts, theirs, ours, strict=True):
            assert our == their, text
            assert their.is_built == builds, text
        return theirs


@pytest.fixture(scope="module")
def ours() -> Iterator[Engine]:
    """The launcher has no part in any of it."""
    with embedded.running("bubblewrap") as engine:
        yield engine


@pytest.fixture
def both(engine: Any, ours: Engine) -> Iterator[Both]:
    client = ours.client
    made = Both(engine.docker, client)
    yield made
    for judge in made.engines:
        judge.forget()
    client.close()


def test_instructions_say_the_same_of_a_config_and_its_history(both: Both) -> None:
    both.of_each([f"FROM scratch\n{body}\n" for body in BODIES] + WHOLE)


# R27
def test_stages_take_the_same_of_their_base(both: Both) -> None:
    stages = both.of_each(BASED)[0].stages
    assert [(told.config["Entrypoint"], told.config["Cmd"]) for told in stages[1:3]] == [
        (["echo"], None),
        (["echo"], ["y"]),
    ]


# R26
def test_build_arguments_have_the_same_scopes(both: Both) -> None:
    given = [{}, {"V": "2"}, {"V": ""}, {"HTTP_PROXY": "http://p", "W": "9", "X": "y"}, {"V": None}]
    told = both.of_each([ARGUMENTS] * 5, [{"buildargs": json.dumps(one)} for one in given])
    environments = [outcome.stages[0].config["Env"][1] for outcome in told]
    assert environments == ["b=[1.0]", "b=[2]", "b=[]", "b=[1.0]", "b=[1.0]"]


def test_labels_are_those_of_the_stage_that_is_asked_for(both: Both) -> None:
    labels = json.dumps({"z": "$PATH '", "c": "2"})
    queries = [{"labels": labels, **target} for target in ({}, {"target": "a"}, {"target": "B"})]
    told = both.of_each([TARGETS] * 3, queries)
    assert [len(outcome.stages) for outcome in told] == [3, 1, 2]
    assert told[1].stages[0].config["Labels"] == {"a": "1", "z": "$PATH '", "c": "2"}
    wrong = [{"target": name, "labels": labels} for name in ("nosuch", "9", "$a")]
    told = both.of_each([TARGETS] * 3, wrong, builds=False)
    assert [outcome.status for outcome in told] == [400] * 3


def test_what_is_wrong_is_refused_in_the_same_words(both: Both) -> None:
    told = both.of_each(REFUSED, builds=False)
    assert {outcome.status for outcome in told} <= {400, 500}


def test_without_here_documents_text_is_read_as_dockerd_reads_it(engine: Any) -> None:
    text = "FROM scratch\nRUN <<EOF\nFOO\nEOF\n"
    with pytest.raises(Invalid) as refused:
        parse(text, heredocs=False)
    answer = Judge(engine.docker).of(text, {})
    assert (answer.status, answer.text) == (400, str({"message": str(refused.value)}))


def test_what_is_wrong_later_is_told_in_the_same_words(both: Both) -> None:
    told = both.of_each(LATER, builds=False)
    assert {outcome.status for outcome in told} == {200}
