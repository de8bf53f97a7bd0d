"""Words of a magic line, and Python values in them."""

from __future__ import annotations

import contextlib
import itertools
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainers.errors import Invalid
from ipycontainers.options import expand, split


@given(st.lists(st.text(min_size=0, max_size=20), max_size=6))
def test_quoted_words_come_back(words: list[str]) -> None:
    assert split(shlex.join(words)) == words


@given(st.text(alphabet="ab \t'\"\\{}$C:", max_size=30))
def test_any_line_is_words_or_invalid(line: str) -> None:
    try:
        words = split(line)
    except Invalid:
        return
    assert split(shlex.join(words)) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  \t ", []),
        ("a  b\tc\n", ["a", "b", "c"]),
        (r"-v C:\Users\me:/data:ro", ["-v", r"C:\Users\me:/data:ro"]),
        (r"-v \\server\share:/data", ["-v", r"\\server\share:/data"]),
        ("-v .:/data:z -v /x:/y:Z", ["-v", ".:/data:z", "-v", "/x:/y:Z"]),
        (r"a\ b", ["a b"]),
        (r"\"a\" \'b\'", ['"a"', "'b'"]),
        (r'"a\"b" "a\\b" "C:\x"', ['a"b', r"a\b", r"C:\x"]),
        (r"'a\'", ["a\\"]),
        ("a'b c'd\"e f\"", ["ab cde f"]),
        ("'' \"\"", ["", ""]),
        ("a\\", ["a\\"]),
        ("# no comment", ["#", "no", "comment"]),
        ("$HOME `x` ~ * ?", ["$HOME", "`x`", "~", "*", "?"]),
    ],
)
def test_split(line: str, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize(("line", "quote"), [("a 'b c", "'"), ('-e "A=1', '"'), ("it's", "'")])
def test_unclosed_quote_is_named(line: str, quote: str) -> None:
    with pytest.raises(Invalid, match="never closed") as caught:
        split(line)
    assert f"the quote {quote}" in caught.value.message
    assert caught.value.hint


NAMESPACE: dict[str, Any] = {
    "name": "a b",
    "n": 3,
    "d": {"k": "v", "}": "brace", "{": "open"},
    "exit": exit,
    "empty": "",
    "quote": "it's {n}",
}


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("{name}", "a b"),
        ("A={name}", "A=a b"),
        ("{n}{n}:{n}", "33:3"),
        ("{n + 1}", "4"),
        ("{1 + 1}", "2"),
        ("{d['k']}", "v"),
        ("{d['}']}", "brace"),
        ("{d['{']}", "open"),
        ("{ {'a': n}['a'] }", "3"),
        ("{[x for x in range(n)]}", "[0, 1, 2]"),
        ("{len(name)}", "3"),
        ("{(lambda: n)()}", "3"),
        ("{name!r}", "{name!r}"),
        ("{empty}", ""),
        ("{quote}", "it's {n}"),  # a value is not expanded again
        ("{{.State.Status}}", "{{.State.Status}}"),
        ("{{range .Mounts}}{{.Source}}{{end}}", "{{range .Mounts}}{{.Source}}{{end}}"),
        ("{{n}}", "{{n}}"),
        ("{{n}} {n}", "{{n}} 3"),
        ("{{", "{{"),
        ("a}}b", "a}}b"),
        ("$n $name ${n} ${X:-1}", "$n $name ${n} ${X:-1}"),
        ("{print $1}", "{print $1}"),
        ("{print}", "{print}"),
        ("/x/{exit}", "/x/{exit}"),
        ("{}", "{}"),
        ("{ }", "{ }"),
        ("a{3}", "a{3}"),
        ("[0-9]{2,3}", "[0-9]{2,3}"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": {"b": {"c": "d"}}}', '{"a": {"b": {"c": "d"}}}'),
        ('{"a": {"n"}}', '{"a": {"n"}}'),
        ('{"a": 1}, {n}', '{"a": 1}, 3'),
        ("{", "{"),
        ("{n", "{n"),
        ("n}", "n}"),
        ("{print 1; {n}", "{print 1; 3"),
        ("{a b} or {n}", "{a b} or 3"),
    ],
)
def test_expand(word: str, text: str) -> None:
    assert expand([word], dict(NAMESPACE)) == [text]


def test_a_value_stays_one_word() -> None:
    words = expand(split("-e A={name} {name}"), {"name": "x; rm -rf / 'quoted\" -v /:/h"})
    assert words == ["-e", "A=x; rm -rf / 'quoted\" -v /:/h", "x; rm -rf / 'quoted\" -v /:/h"]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("{ids}", ["a b", "{c}"]),
        ("{ids[:1]}", ["a b"]),
        ("{none}", []),
        ("x{ids}", ["x['a b', '{c}']"]),
        ("{next(counted)}", ["0"]),
        ("{mixed}", ["[1, 'a']"]),
        ("{{ids}}", ["{{ids}}"]),
        ("{print}", ["{print}"]),
    ],
)
def test_a_list_of_texts_is_spread_where_it_is_a_word(word: str, words: list[str]) -> None:
    namespace = {"ids": ["a b", "{c}"], "none": [], "counted": itertools.count(), "mixed": [1, "a"]}
    assert expand([word], namespace, spread=True) == words
    assert len(expand([word], namespace)) == 1


def test_undefined_name_is_named_with_a_hint() -> None:
    with pytest.raises(Invalid, match="'tag' is not defined") as caught:
        expand(["python:{tag}"], {})
    assert "{{ }}" in caught.value.hint


def test_lost_quotes_give_a_hint() -> None:
    with pytest.raises(Invalid) as caught:
        expand(split('-e A={d["key"]}'), dict(NAMESPACE))
    assert "quotes around it" in caught.value.hint


@pytest.mark.parametrize("word", ["{1/0}", "{d['x']}", "{n.x}", "{name[9]}", "{int('x')}"])
def test_failing_expression_is_one_line(word: str) -> None:
    with pytest.raises(Invalid) as caught:
        expand([word], dict(NAMESPACE))
    assert "\n" not in caught.value.message
    assert word in caught.value.message


def test_value_whose_text_fails_is_invalid() -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(Invalid, match="no text"):
        expand(["{bad}"], {"bad": Bad()})


@given(st.text(alphabet="{}ab1 '\".$,:[]()*!\\\0", max_size=30))
def test_any_word_expands_or_is_invalid(word: str) -> None:
    with contextlib.suppress(Invalid):
        assert len(expand([word], {"a": 1, "b": "two"})) == 1
