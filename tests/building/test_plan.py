"""Which steps a cell's Dockerfile has, in which lines, and what an engine's words make of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ipycontainers.building import failure
from ipycontainers.building.plan import Plan, Text
from ipycontainers.building.progress import KEPT, Progress
from ipycontainers.errors import Invalid

TEXT = """\
# syntax=docker/dockerfile:1
ARG V=1

FROM alpine AS one
RUN echo \\
    a
FROM one AS two
COPY --from=one /x /y
CMD ["x"]
"""


def lines(text: Text, target: str = "") -> list[tuple[str, int]]:
    return [(step.text, step.line) for step in Plan.of(text, target).steps]


def test_steps_stand_in_the_lines_of_their_cell() -> None:
    assert lines(Text.of(TEXT)) == [
        ("ARG V=1", 3),
        ("FROM alpine AS one", 5),
        ("RUN echo     a", 6),
        ("FROM one AS two", 8),
        ("COPY --from=one /x /y", 9),
        ('CMD ["x"]', 10),
    ]
    assert [line for _, line in lines(Text.of(TEXT), "ONE")] == [3, 5, 6]


def test_appended_instructions_stand_in_the_lines_of_their_cell() -> None:
    assert lines(Text.on("lab", "\nRUN a\nRUN b\n")) == [
        ("FROM lab", 1),
        ("RUN a", 3),
        ("RUN b", 4),
    ]
    text = Text.on("lab", "# escape=`\nRUN a `\n b\nRUN c\n")
    assert text.content.startswith("# escape=`\nFROM lab\nRUN")
    assert lines(text) == [("FROM lab", 1), ("RUN a  b", 3), ("RUN c", 5)]


@pytest.mark.parametrize("cell", ["FROM x\nRUN a", "# a\n\n from x", "ARG V=1\nFROM x:$V"])
def test_what_begins_anew_is_not_appended(cell: str) -> None:
    with pytest.raises(Invalid, match="begins with FROM"):
        Text.on("lab", cell)


def test_an_empty_cell_is_refused() -> None:
    with pytest.raises(Invalid, match="no Dockerfile"):
        Text.of(" \n")


@pytest.mark.parametrize(
    ("cell", "line"),
    [("FROM x\nFOO", 3), ("FROM x\n\nENV A", 4), ("RUN a", 2), ("FROM x\nCOPY a", 3)],
)
def test_what_is_wrong_stands_in_its_line(cell: str, line: int) -> None:
    text = Text.of(cell)
    plan = Plan.of(text)
    assert (plan.steps, plan.line) == ((), line)
    told = failure.of_text(Invalid(f"building the image: {plan.error}"), plan, text)
    assert told.message.startswith(f"line {line} of the cell: ")
    assert "dockerfile parse error" not in told.message


def fed(text: str, said: list[Any]) -> Progress:
    clock = itertools.count()
    progress = Progress(Plan.of(Text.of(text)), clock=lambda: float(next(clock)))
    for line in said:
        progress.feed({"stream": line} if isinstance(line, str) else line)
    progress.end()
    return progress


def states(progress: Progress) -> list[tuple[str, str, str]]:
    return [(step.text, step.state, step.output) for step in progress.steps]


ID, OTHER = "0123456789ab", "ba9876543210"
DOCKERD = [
    *("Step 1/3 : FROM scratch", "\n", " ---> \n"),
    *("Step 2/3 : COPY a /", "\n", " ---> Using cache\n", f" ---> {ID}\n"),
    *("Step 3/3 : RUN x", "\n", f" ---> Running in {OTHER}\n", "hi\n", "\x1b[91moh\n\x1b[0m", "\n"),
    *(f"Removing intermediate container {OTHER}\n", f" ---> {OTHER}\n"),
    {"aux": {"ID": "sha256:x"}},
    *("[Warning] One or more build-args [Q] were not consumed\n", f"Successfully built {OTHER}\n"),
]
PODMAN = [
    *("STEP 1/3: FROM scratch\n", "STEP 2/3: COPY a /\n", f"--> Using cache {ID * 5}abcd\n"),
    *(f"--> {ID}\n", "STEP 3/3: RUN x\n", "hi\n", "oh\n", "\n", "COMMIT x\n", f"--> {OTHER}\n"),
    "Successfully tagged localhost/x:latest\n",
]


@pytest.mark.parametrize("said", [DOCKERD, PODMAN], ids=["dockerd", "podman"])
def test_engines_tell_the_same_steps(said: list[Any]) -> None:
    progress = fed("FROM scratch\nCOPY a /\nRUN x\n", said)
    assert states(progress) == [
        ("FROM scratch", "done", ""),
        ("COPY a /", "cached", ""),
        ("RUN x", "done", "hi\noh\n\n"),
    ]
    assert [step.image for step in progress.steps] == ["", ID, OTHER]
    assert progress.failure is None


LOOKALIKES = [
    "Successfully built numpy\n",
    f"{ID * 5}abcd\n",
    "COMMIT now\n",
    " ---> Using cache\n",
    f" ---> {ID}\n",
    "Step 3/3 : CMD x",
    "[Warning] beware\n",
    "Removing intermediate container abcdef012345\n",
]


@pytest.mark.parametrize(
    "gone", ["Removing intermediate container {}\n", " ---> Removed intermediate container {}\n"]
)
def test_what_a_program_says_is_its_own(gone: str) -> None:
    """In the words of Engine 20.10, and of later ones."""
    said = ["Step 1/3 : FROM scratch", "\n", " ---> \n", "Step 2/3 : RUN x", "\n"]
    said += [f" ---> Running in {OTHER}\n", *LOOKALIKES, gone.format(OTHER), f" ---> {OTHER}\n"]
    said += ["Step 3/3 : CMD y", "\n", f" ---> Running in {OTHER}\n", gone.format(OTHER)]
    said += [f" ---> {ID}\n", f"Successfully built {ID}\n"]
    progress = fed("FROM scratch\nRUN x\nCMD y\n", said)
    assert states(progress) == [
        ("FROM scratch", "done", ""),
        ("RUN x", "done", "".join(LOOKALIKES)),
        ("CMD y", "done", ""),
    ]
    assert (progress.steps[1].image, progress.warnings) == (OTHER, [])


def test_what_pip_says_is_its_own_on_podman() -> None:
    said = ["STEP 1/2: FROM a\n", f"--> {ID}\n", "STEP 2/2: RUN pip\n"]
    said += ["Successfully built numpy\n", "COMMIT x\n", f"--> {OTHER}\n", f"{ID * 5}abcd\n"]
    assert fed("FROM a\nRUN pip", said).steps[1].output == "Successfully built numpy\n"


def test_warnings_are_kept() -> None:
    said = ["\x1b[91m[WARNING]: Empty continuation line found in:\n    RUN x\n\x1b[0m", *DOCKERD]
    assert fed("FROM scratch\nCOPY a /\nRUN x\n", said).warnings == [
        "[WARNING]: Empty continuation line found in:\n    RUN x",
        "[Warning] One or more build-args [Q] were not consumed",
    ]


def test_nothing_moves_about_in_what_is_shown() -> None:
    said = [
        "Step 1/1 : FROM a",
        "10%\r20%\r\n\x1b[2K\x1b",
        "[1;31mred\x1b[0m\x1b]0;title\x07\a\b!\n",
    ]
    assert fed("FROM a", said).steps[0].output == "20%\nred!\n"


def test_a_step_that_nobody_waits_for_is_stopped() -> None:
    progress = Progress(Plan.of(Text.of("FROM a\nRUN b")), clock=lambda: 1.0)
    progress.feed({"stream": "Step 1/2 : FROM a"})
    progress.stop()
    assert [step.state for step in progress.steps] == ["stopped", "waiting"]
    ended = fed("FROM a", ["Step 1/1 : FROM a"])
    ended.stop()
    assert ended.steps[0].state == "done"


def test_podman_counts_in_each_stage_and_leaves_some_out() -> None:
    text = "FROM a AS one\nRUN x\nFROM a AS no\nRUN x\nFROM one\nRUN y\n"
    said = ["[1/3] STEP 1/2: FROM a AS one\n", "[1/3] STEP 2/2: RUN x\n"]
    said += ["[3/3] STEP 1/2: FROM one\n", "[3/3] STEP 2/2: RUN y\n"]
    assert [step.state for step in fed(text, said).steps] == [
        *("done", "done", "waiting", "waiting", "done", "done")
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"errorDetail": {"code": 3, "message": "returned a non-zero code: 3"}, "error": "x"},
        {"error": 'building at STEP "RUN exit 3": while running runtime: exit status 3'},
    ],
)
def test_a_command_that_fails_has_its_code_and_line(said: dict[str, Any]) -> None:
    text = Text.of("FROM a\n\nRUN exit 3\n")
    plan = Plan.of(text)
    progress = Progress(plan)
    for line in ("Step 1/2 : FROM a", "Step 2/2 : RUN exit 3", "told\n"):
        progress.feed({"stream": line})
    progress.feed(said)
    error = failure.of_step(progress, plan, text, has_context=False)
    assert error.message == "exit code 3 in step 2 of 2, line 4 of the cell: RUN exit 3"
    assert getattr(error, "exit_code", None) == 3
    assert [step.state for step in progress.steps] == ["done", "failed"]


EXEC = 'unable to start container process: exec: "/bin/sh": stat /bin/sh: no such file or directory'
OCI = "OCI runtime create failed: "


@pytest.mark.parametrize(
    "said",
    [f"failed to create shim task: {OCI}runc create failed: {EXEC}: unknown", f"{OCI}{EXEC}"],
    ids=["dockerd", "ours"],
)
def test_a_program_that_is_missing_is_named(said: str) -> None:
    text = Text.of("FROM scratch\nRUN x\n")
    plan = Plan.of(text)
    progress = Progress(plan)
    progress.feed({"stream": "Step 2/2 : RUN x"})
    progress.feed({"errorDetail": {"message": said}})
    error = failure.of_step(progress, plan, text, has_context=False)
    where = "step 2 of 2, line 3 of the cell, RUN x"
    assert error.message == f"{where}: /bin/sh: no such program in the image"
    assert getattr(error, "exit_code", None) == 127


def test_a_base_that_is_not_there_has_a_hint() -> None:
    text = Text.of("FROM --platform=linux/amd64 team/nosuch AS one\n")
    plan = Plan.of(text)
    progress = Progress(plan)
    progress.feed({"stream": f"Step 1/1 : {plan.steps[0].text}"})
    said = "pull access denied for team/nosuch, repository does not exist or may require login"
    progress.feed({"errorDetail": {"message": said}, "error": said})
    error = failure.of_step(progress, plan, text, has_context=False)
    assert error.message.startswith("step 1 of 1, line 2 of the cell, FROM --platform")
    assert error.message.endswith(
        "team/nosuch:latest: no such image, or it is private and needs a login"
    )
    assert error.hint.startswith("check the spelling")


def test_the_base_is_named_behind_its_options() -> None:
    assert failure.base("FROM --platform=linux/amd64 debian AS one") == "debian"
    assert failure.base("FROM $IMAGE") == failure.base("RUN x") == ""


def test_the_end_of_what_is_printed_is_kept() -> None:
    said = ["Step 1/1 : FROM a", *(f"{number:07}\n" for number in range(20_000))]
    step = fed("FROM a", said).steps[0]
    assert len(step.output) == KEPT
    assert step.output.endswith("0019999\n")
    assert step.lost == 160_000 - KEPT
