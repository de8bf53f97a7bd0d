"""What a Dockerfile says, once it is read; dockerd is asked in test_judged.py."""

from __future__ import annotations

import contextlib
import os
import time

import pytest
from engine.build.texts import BODIES, WHOLE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipycontainers.engine.build import instructions
from ipycontainers.engine.build.arguments import Arguments
from ipycontainers.engine.build.dockerfile import (
    decode,
    label,
    parse,
    trigger,
)
from ipycontainers.engine.build.heredocs import Heredoc
from ipycontainers.engine.build.instruction import Instruction
from ipycontainers.errors import Invalid

TIMES = int(os.environ.get("IPYCONTAINERS_TEST_FUZZ", "1"))


def only(line: str) -> Instruction:
    """The instruction of a stage that has one."""
    (stage,) = parse(f"FROM scratch\n{line}\n").stages
    (instruction,) = stage.instructions
    return instruction


def test_stages_have_names_and_instructions() -> None:
    text = "ARG V=1\nFROM --platform=$P a:$V AS Builder\nRUN x\nFROM scratch\nCOPY --from=0 /x /y\n"
    read = parse(text)
    assert [argument.arguments for argument in read.arguments] == [("V=1",)]
    assert [(stage.base, stage.name, stage.platform) for stage in read.stages] == [
        ("a:$V", "builder", "$P"),
        ("scratch", "", ""),
    ]
    (copy,) = read.stages[1].instructions
    assert (copy.word, copy.flags, copy.arguments) == ("COPY", {"from": "0"}, ("/x", "/y"))
    assert (copy.line, copy.original) == (5, "COPY --from=0 /x /y")


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("RUN echo \\\n  # note\n  hi", ["echo   hi"]),  # moby/moby#35387
        ("RUN echo a # b \\\nRUN echo c", ["echo a # b RUN echo c"]),  # moby/moby#28982
        ("RUN a \\\n\n\n b", ["a  b"]),
        ("RUN a \\  \t\n b", ["a  b"]),
        ("RUN a \\\\\nRUN b", ["a \\\\", "b"]),
        ("RUN a \\", ["a"]),
    ],
)
def test_lines_are_joined_as_dockerd_joins_them(text: str, runs: list[str]) -> None:
    read = parse(f"FROM a\n{text}\n")
    assert [step.text for step in read.stages[0].instructions] == runs


def test_blank_lines_between_continued_ones_are_warned_of() -> None:
    assert parse("FROM a\nRUN a \\\n\n b").warnings == (
        "[WARNING]: Empty continuation line found in:\n    RUN a  b",
        "[WARNING]: Empty continuation lines will become errors in a future release.",
    )
    assert parse("FROM a\nRUN a \\\n# c\n b").warnings == ()


def test_check_is_a_directive_that_others_may_follow() -> None:
    """To BuildKit; dockerd 20.10 takes it for a comment, after which none is read."""
    read = parse("# syntax=x\n# check=skip=all\n# escape=`\nFROM a\nRUN b `\n c\n")
    assert (read.escape, read.stages[0].instructions[0].text) == ("`", "b  c")


# --- here-documents ------------------------------------------------------------------------------


# R39
def test_here_documents_are_expanded_where_they_should_be() -> None:
    text = (
        'FROM alpine\nARG D=in\nCOPY <<EOF /e\nu "\\${NO}"\nc "${D}/f" \'${X}\'\nEOF\n'
        'COPY <<"EOF" /q\n"${D}" \\$x\nEOF\nRUN <<EOF\nV=1\necho "v:$V" > /r\nEOF\n'
    )
    _, expanded, raw, run = parse(text).stages[0].instructions
    state = instructions.State({}, instructions.Arguments().declared("D", "in"))
    first = instructions.expanded(expanded, state)
    assert (first.arguments, first.heredocs[0].name) == (("/e",), "EOF")
    assert first.heredocs[0].text == 'u "${NO}"\nc "in/f" \'\'\n'
    assert instructions.expanded(raw, state).heredocs[0].text == '"${D}" \\$x\n'
    assert instructions.run(state, run).command == ["/bin/sh", "-c", 'V=1\necho "v:$V" > /r\n']


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("COPY <<A <<B /d/\n1\nA\n2\nB", [Heredoc("A", "1\n"), Heredoc("B", "2\n")]),
        ("RUN <<-E\n\tx\n\tE", [Heredoc("E", "\tx\n", chomp=True)]),
        ("RUN <<-E\n\tx\n E\nE", [Heredoc("E", "\tx\n E\n", chomp=True)]),
        ("COPY <<'E F' /d\n$x\nE F", [Heredoc("E F", "$x\n", expand=False)]),
        ("COPY <<E\\F /d\n$x\nEF", [Heredoc("EF", "$x\n", expand=False)]),
        ("RUN cat 3<<E\n# x\n\nE", [Heredoc("E", "# x\n\n")]),
        ("RUN <<E\nE", [Heredoc("E")]),
        ("RUN <<E\r\nx\r\nE\r", [Heredoc("E", "x\n")]),
        ("ONBUILD RUN <<E\nx\nE", [Heredoc("E", "x\n")]),
        ("RUN echo $((1<<2)) '<<E' a<<E <<<E <<", []),
        ('RUN ["<<E"]', []),
        ("CMD <<E", []),
        ("ENV a=<<E", []),
    ],
)
def test_here_documents_are_found(text: str, documents: list[Heredoc]) -> None:
    assert list(only(text).heredocs) == documents
    assert parse(f"FROM a\n{text}\nCMD z\n").stages[0].instructions[-1].text == "z"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("RUN <<E\nx", "failed to parse Dockerfile: unterminated heredoc"),
        (
            "COPY a <<E\nx\nE",
            "dockerfile parse error line 2: COPY cannot accept a heredoc as a destination",
        ),
        (
            'COPY <<"../e" /d\nx\n../e',
            'dockerfile parse error line 2: COPY cannot name a file "../e"',
        ),
    ],
)
def test_here_documents_that_cannot_be_are_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(f"FROM a\n{text}\n")
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("text", "command", "history", "file"),
    [
        ("<<E\n\tx\nE", "\tx\n", "\tx\n", None),
        ("<<-E\n\tx\n\tE", "x\n", "x\n", None),
        (
            "<<E\n#!/usr/bin/env python3\nprint()\nE",
            "/dev/pipes/E",
            "<<E\n#!/usr/bin/env python3\nprint()\nE",
            "#!/usr/bin/env python3\nprint()\n",
        ),
        ("<<E cat > /x\ny\nE", "<<E cat > /x\ny\nE", "<<E cat > /x\ny\nE", None),
        ("cat <<-A <<B\n\t1\nA\n2\nB", *(2 * ["cat <<-A <<B\n\t1\nA\n2\nB"]), None),
    ],
)
def test_a_shell_gets_the_documents_of_run(
    text: str, command: str, history: str, file: str | None
) -> None:
    run = instructions.run(instructions.State({"Shell": ["sh"]}), only(f"RUN {text}"))
    assert (run.command, run.history) == (["sh", command], ["sh", history])
    assert (run.file and run.file.text) == file


def test_a_trigger_keeps_its_documents() -> None:
    text = only("ONBUILD RUN --network=none <<E\nx\nE").text
    assert text == "RUN --network=none <<E\nx\nE"
    run = trigger(text)
    assert (run.word, run.flags, run.heredocs) == (
        "RUN",
        {"network": "none"},
        (Heredoc("E", "x\n"),),
    )
    with pytest.raises(Invalid, match="onbuild trigger should be a single expression"):
        trigger("RUN a\nRUN b")


# --- hostile -------------------------------------------------------------------------------------


def test_bytes_that_are_no_text_are_replaced_one_by_one() -> None:
    assert (
        decode(b"a\xff\xe2\x82b\xed\xa0\x80\xc3\xa9")
        == "a\ufffd\ufffd\ufffdb" + 3 * "\ufffd" + "\xe9"
    )


def test_a_label_of_the_command_line_is_taken_as_it_is() -> None:
    change = instructions.changed(instructions.State({"Env": ["a=1"]}), label("l", "'$a'"))
    assert (change.state.config["Labels"], change.comment) == ({"l": "'$a'"}, "LABEL l='$a'")


@pytest.mark.parametrize(
    "line",
    [
        "ENV a=" + "${x:-" * 10000,
        "CMD " + "[" * 60000,
        "LABEL " + "a=b " * 15000,
        "LABEL a=" + "\\ " * 30000,
        "RUN " + "\\ " * 30000,
        "HEALTHCHECK --interval=" + "9" * 60000 + "s CMD a",
        "HEALTHCHECK --interval=0." + "9" * 60000 + "s CMD a",
        "HEALTHCHECK --retries=" + "9" * 60000 + " CMD a",
        "EXPOSE " + "9" * 60000,
        "EXPOSE 0-65535",
        "STOPSIGNAL " + "9" * 60000,
        "CMD [" + "9" * 60000 + "]",
        "COPY " + "--from=" * 9000,
        "\\\n" * 100000 + "RUN x",
        "RUN <<A\n" + "x\n" * 100000 + "A",
        "RUN " + "<<A " * 10000,
        "RUN x\n" * 20000,
    ],
)
def test_long_lines_take_little_time(line: str) -> None:
    began = time.process_time()
    with contextlib.suppress(Invalid):
        state = instructions.State()
        for instruction in parse(f"FROM scratch\n{line}\n").stages[0].instructions:
            if instruction.word == "RUN":
                instructions.run(state, instruction)
            else:
                instructions.changed(state, instructions.expanded(instruction, state))
    assert time.process_time() - began < 5


TENFOLD = ["a=0123456789", *["a=" + 10 * "$a"] * 4]
MANY = [f"b{number}=$a" for number in range(60)]
DOCUMENTS = "".join(f"$a\nA{number}\n" for number in range(60))


def done(word: str, *last: str) -> None:
    """The last lines, after those that make a hundred thousand characters of ten."""
    lines = ["FROM scratch", *(f"{word} {it}" for it in TENFOLD), *last]
    state = instructions.State()
    for instruction in parse("\n".join([*lines, ""])).stages[0].instructions:
        if instruction.word == "COPY":
            instructions.expanded(instruction, state)
        else:
            state = instructions.changed(state, instruction).state
    assert len(state.environment["a"]) == 100_000


def done_before_from(lines: list[str]) -> None:
    arguments = Arguments()
    for instruction in parse("\n".join([*lines, "FROM scratch"])).arguments:
        arguments = instructions.before_from(arguments, instruction)


@pytest.mark.parametrize(
    ("word", "last"),
    [
        ("ENV", "ENV a=" + 20 * "$a"),
        ("ARG", "LABEL a=" + 20 * "${a:-}"),
        ("ENV", f"ENV {' '.join(MANY)}"),
        ("ENV", "EXPOSE " + 60 * "$a "),
        ("ENV", f"COPY {' '.join(f'<<A{number}' for number in range(60))} /d/\n{DOCUMENTS}"),
    ],
)
def test_variables_do_not_grow_for_ever(word: str, last: str) -> None:
    done(word)
    with pytest.raises(Invalid, match=r"variables (of|make) more than [14],\d{3},\d{3} characters"):
        done(word, last)


def test_variables_of_many_lines_do_not_grow_for_ever() -> None:
    with pytest.raises(Invalid, match="variables make more than"):
        instructions.apply({}, [f"ENV {word}" for word in (*TENFOLD, *MANY)])
    with pytest.raises(Invalid, match="variables make more than"):
        done_before_from([f"ARG {word}" for word in (*TENFOLD, *MANY)])


_PIECES = st.sampled_from(
    [
        *"\\\n\t \"'$={}[]:-+?#`<,\r\x00",
        "\ufeff",
        "\ud800",
        "é",
        "<<",
        "<<-E",
        "E\n",
        "--x",
        "${a:-",
    ]
    + [f"\n{word} " for word in (*instructions.CHANGES, "RUN", "COPY", "FROM", "ARG", "SHELL")]
    + ["CMD ", "--interval=1s ", '["a"]', "scratch", "80", "a=1"]
)


@given(st.lists(_PIECES | st.text(max_size=3), max_size=30), st.sampled_from([*BODIES, *WHOLE]))
@settings(max_examples=150 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_text_says_is_read_or_refused(pieces: list[str], body: str) -> None:
    at = len(body) // 2
    for text in ("FROM scratch\n" + "".join(pieces), body[:at] + "".join(pieces) + body[at:]):
        with contextlib.suppress(Invalid):
            read = parse(text)
            state = instructions.State(instructions.begun(None))
            for instruction in (step for stage in read.stages for step in stage.instructions):
                if instruction.word == "RUN":
                    instructions.run(state, instruction)
                elif instruction.word in ("ADD", "COPY"):
                    instructions.expanded(instruction, state, read.escape)
                else:
                    state = instructions.changed(state, instruction, read.escape).state
