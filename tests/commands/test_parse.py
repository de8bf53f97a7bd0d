"""The words of a line, as the docker command reads them."""

from __future__ import annotations

import pytest

from ipycontainers.commands import Help, parse
from ipycontainers.commands.table import VERBS
from ipycontainers.errors import CommandFailed


@pytest.mark.parametrize(
    "words",
    [
        ["ps", "-a", "-f", "name=web", "-n", "3"],
        ["ps", "-afname=web", "-n3"],
        ["ps", "-af=name=web", "-n=3"],
        ["ps", "--all", "--filter", "name=web", "--last", "3"],
        ["container", "ls", "--all=true", "--filter=name=web", "--last=3"],
    ],
)
def test_flags_have_the_forms_of_dockers(words: list[str]) -> None:
    call = parse(words)
    assert call.verb.name == "container ls"
    assert (call.has("all"), call.texts("filter"), call.number("last")) == (True, ("name=web",), 3)
    assert not call.has("quiet")


def test_what_is_not_given_has_dockers_default() -> None:
    call = parse(["ps"])
    assert (call.number("last"), call.text("format"), call.texts("filter")) == (-1, "", ())
    assert parse(["history", "x"]).has("human")
    assert not parse(["history", "-H=false", "x"]).has("human")


@pytest.mark.parametrize(
    ("text", "number"), [("0x10", 16), ("010", 8), ("-5", -5), ("1_0", 10), ("0", 0), ("+7", 7)]
)
def test_numbers_are_read_as_go_reads_them(text: str, number: int) -> None:
    assert parse(["ps", "-n", text]).number("last") == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9" * 30, "value out of range"),
        ("08", "invalid syntax"),
        ("\u0661", "invalid syntax"),
        ("1__0", "invalid syntax"),
        ("", "invalid syntax"),
        ("0x", "invalid syntax"),
    ],
)
def test_what_is_no_number_is_refused_as_go_refuses_it(text: str, reason: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        parse(["ps", "-n", text])
    assert f'strconv.ParseInt: parsing "{text}": {reason}' in caught.value.message


def test_flags_may_stand_behind_arguments_but_not_in_a_command() -> None:
    assert parse(["inspect", "a", "-f", "x", "b"]).arguments == ("a", "b")
    assert parse(["inspect", "--", "-f"]).arguments == ("-f",)
    assert parse(["top", "a", "-o", "pid"]).arguments == ("a", "-o", "pid")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["pss"], "did you mean %docker ps?"),
        (["container", "lss"], "did you mean %docker container ls?"),
        (["image", "lls"], "did you mean %docker image ls?"),
        (["ps", "--filer", "a=b"], "did you mean --filter?"),
        (["-H", "tcp://there", "ps"], "%config ContainerMagics.engine"),
    ],
)
def test_what_is_similar_is_named(words: list[str], hint: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        parse(words)
    assert hint in caught.value.hint


def test_what_is_not_similar_is_not_named() -> None:
    with pytest.raises(CommandFailed) as caught:
        parse(["volume", "nosuch"])
    assert caught.value.hint == ""


def test_search_is_refused_in_words() -> None:
    with pytest.raises(CommandFailed, match="a notebook has no search"):
        parse(["search", "alpine"])


@pytest.mark.parametrize("words", [[], ["--help"], ["ps", "--help"], ["ps", "-h"], ["image"]])
def test_help_is_asked_for(words: list[str]) -> None:
    with pytest.raises(Help):
        parse(words)


def test_every_row_has_its_function() -> None:
    assert [verb.name for verb in VERBS if not verb.refused and not callable(verb.handler())] == []
    names = [name for verb in VERBS for name in verb.names]
    assert len(names) == len(set(names))
