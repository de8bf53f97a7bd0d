"""Which program reads a cell, and how the text gets there."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from ipycontainers.interpreter import (
    ARGUMENT_LIMIT,
    FILE,
    Interpreter,
    choose,
    of_image,
    of_shebang,
    wrong_language_hint,
)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Cmd": ["python3"], "Entrypoint": None}, ("python3",)),
        ({"Cmd": ["node"], "Entrypoint": ["docker-entrypoint.sh"]}, ("node",)),
        ({"Cmd": ["bash"]}, ("bash",)),
        ({"Cmd": ["/bin/sh"]}, ("/bin/sh",)),
        ({"Cmd": ["R"]}, ("R",)),
        ({"Cmd": ["julia"], "Entrypoint": ["docker-entrypoint.sh"]}, ("julia",)),
        ({"Cmd": None, "Entrypoint": ["python"]}, ("python",)),
        ({"Cmd": ["python", "app.py"]}, ()),
        ({"Cmd": ["nginx", "-g", "daemon off;"], "Entrypoint": ["/docker-entrypoint.sh"]}, ()),
        ({"Cmd": ["app.py"], "Entrypoint": ["python"]}, ("python",)),
        ({}, ()),
        ({"Cmd": "not a list"}, ()),
    ],
)
def test_the_images_own_command_counts_when_it_is_a_bare_interpreter(config, words):
    assert of_image(config) == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("#!/bin/bash -e\necho", ("/bin/bash", "-e")),
        ("#! /usr/bin/env python3\n", ("/usr/bin/env", "python3")),
        ("#!/usr/bin/env -S python3 -u\n", ("/usr/bin/env", "python3", "-u")),
        ("echo\n#!/bin/bash\n", ()),
        ("", ()),
    ],
)
def test_the_first_line_may_name_the_interpreter(body, words):
    assert of_shebang(body) == words


def test_words_beat_the_first_line_and_that_beats_the_image():
    image = {"Cmd": ["python3"]}
    assert choose(["perl"], "#!/bin/sh\n", image).words == ("perl",)
    assert choose([], "#!/bin/ash\n", image).words == ("/bin/ash",)
    assert choose([], "print()\n", image).words == ("python3",)
    assert choose([], "ls\n", {}).words == ("/bin/sh",)


@pytest.mark.parametrize(
    "words",
    [
        "sh", "bash -e", "bash -euo pipefail", "bash -o pipefail -e", "bash --norc",
        "/bin/busybox sh", "/usr/bin/env bash",
        "python3", "python3.12 -u", "python -W ignore", "python -X utf8 -I", "pypy3",
    ],
)  # fmt: skip
def test_shells_and_python_take_the_text_as_an_argument(words):
    invocation = Interpreter.of(words.split()).invocation("a b\n")
    assert invocation.command[-1] == "a b\n"
    assert "-c" in invocation.command
    assert invocation.stdin is invocation.file is None


@pytest.mark.parametrize(
    "words", ["perl", "node", "awk -f -", "python -m json.tool", "sh -s", "sh x.sh", "python -"]
)
def test_every_other_program_reads_standard_input(words):
    invocation = Interpreter.of(words.split()).invocation("a\n")
    assert invocation.stdin == b"a\n"
    assert (*invocation.entrypoint, *invocation.command) == tuple(words.split())


def test_r_is_told_not_to_be_interactive():
    assert Interpreter.of(["R"]).invocation("1").command == (
        "--no-echo", "--no-save", "--no-restore",
    )  # fmt: skip


@pytest.mark.parametrize("words", [["sh"], ["python3"], ["bash", "-e"]])
def test_a_text_too_long_for_an_argument_comes_as_a_file(words):
    body = "#" * (ARGUMENT_LIMIT + 1)
    invocation = Interpreter.of(words).invocation(body)
    assert invocation.command == (*words[1:], FILE)
    assert invocation.file == body.encode()
    assert Interpreter.of(words).invocation(body[1:]).file is None
    assert Interpreter.of(words).invocation("a\0b").file == b"a\0b"


def test_where_standard_input_is_taken_every_program_gets_a_file():
    assert Interpreter.of(["perl"]).invocation("1", stdin_taken=True).file == b"1"
    assert Interpreter.of(["sh"]).invocation("1", stdin_taken=True).file is None


@pytest.mark.parametrize("program", ["sh", "dash", "bash", "busybox sh", "python3"])
@pytest.mark.parametrize("body", ["echo=1\n", "-x\n", "--help\n"])
def test_a_text_that_begins_with_a_dash_is_no_option(program, body):
    if not shutil.which(program.split()[0]):
        pytest.skip(f"{program.split()[0]} is not installed here")
    invocation = Interpreter.of(program.split()).invocation(body)
    done = subprocess.run(
        [*invocation.entrypoint, *invocation.command], capture_output=True, text=True, check=False
    )
    if body.startswith("-"):
        assert done.returncode != 0
        assert "nvalid option" not in done.stderr
        assert "sage:" not in done.stdout + done.stderr


PYTHON = "import sys\nprint(sys.version)\n"


@pytest.mark.parametrize(
    ("words", "body", "error", "hint"),
    [
        ("/bin/sh", PYTHON, "/bin/sh: import: not found", "python3"),
        ("bash", PYTHON, "bash: line 2: syntax error near unexpected token", "python3"),
        ("python3", "echo hi\nls\n", "SyntaxError: invalid syntax", " sh"),
        ("python3", "x = = 1\n", "SyntaxError: invalid syntax", ""),
        ("sh", "frobnicate\n", "sh: frobnicate: not found", ""),
        ("perl", PYTHON, "syntax error", ""),
        ("sh", PYTHON, "", ""),
    ],
)
def test_a_wrong_language_gets_a_hint(words, body, error, hint):
    got = wrong_language_hint(Interpreter.of([words]), body, error, "busybox")
    assert got.endswith(hint) if hint else got == ""
