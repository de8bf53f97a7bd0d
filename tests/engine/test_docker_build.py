"""``docker build`` on our engine: what it says, how it ends and what it makes, as on dockerd."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded import Engine
from engine.docker_command import Both, Outcome, Terminal
from layers import file, tar

IMAGE = "ipycontainers-test/busybox"
TAG, OTHER = "ipyc-docker-build:1", "ipyc-docker-build:2"
QUIET = ("build", "--network=none")
# What a program writes to standard error comes in colour, in as many pieces as it was written.
COLOUR = re.compile(r"\x1b\[\d*m")
STEPS = f"""
FROM {IMAGE} AS one
ENV NEW=%s
ARG WHO=me
COPY given /given
RUN echo hi $WHO; sleep 0.5; echo err >&2
FROM one AS two
ENV A=1
CMD ["cat", "/given"]
"""

replies: dict[str, list[Outcome]] = {}  # dockerd's, by test


@pytest.fixture
def both(own: Engine, dockerd: Terminal, request: pytest.FixtureRequest) -> Iterator[Both]:
    ours = Terminal(f"unix://{own.socket}")
    case = f"{request.node.originalname} {request.node.callspec.params.get('dockerfile')}"
    yield Both(ours, dockerd, replies.setdefault(case, []))
    for terminal in (ours, dockerd):
        terminal.run("rmi", "-f", TAG, OTHER)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder with STEPS that nobody has built before."""
    new = os.urandom(6).hex()  # which is masked as a short id is
    (tmp_path / "Dockerfile").write_text(STEPS % new)
    (tmp_path / "given").write_text(new)
    os.utime(tmp_path / "given", (1, 1))
    return tmp_path


def _said(text: str) -> str:
    return COLOUR.sub("", text)


def _kinds(text: str) -> list[str]:
    """Of the output: which steps were taken from the cache."""
    return [line for line in text.splitlines() if line.startswith((" ---> Using", "Step "))]


def test_it_says_what_it_does_and_what_it_takes_from_the_cache(both: Both, context: Path) -> None:
    made = both(*QUIET, "-t", TAG, str(context), only=_said)
    assert "Using cache" not in made.out
    assert made.out.endswith(f"Successfully tagged {TAG}\n")
    again = both(*QUIET, "-t", TAG, str(context), only=_said)
    assert again.out.count("Using cache") == 6
    assert both("run", "--rm", TAG).out == "SHORT"
    (context / "given").write_text("changed")
    assert both(*QUIET, "-t", TAG, str(context), only=_said).out.count("Using cache") == 2
    assert both(*QUIET, "--no-cache", str(context), only=_said).out.count("Using cache") == 0


def test_arguments_targets_names_and_labels(both: Both, context: Path) -> None:
    both(*QUIET, "-t", TAG, "-t", OTHER, "--build-arg", "WHO=you", str(context), only=_said)
    both(*QUIET, "--build-arg", "WHO=you", "--build-arg", "LEFT=over", str(context), only=_said)
    both(*QUIET, "-t", TAG, "--target", "one", "--label", "a=b", str(context), only=_said)
    shown = both("inspect", "-f", "{{.Config.Labels}} {{.Config.Cmd}} {{.Config.Env}}", TAG).out
    assert (shown[:8], " [sh] [PATH=/" in shown, shown[-11:]) == ("map[a:b ", True, "NEW=SHORT]\n")
    both(*QUIET, "-t", OTHER, "--target", "TWO", str(context), only=_kinds)
    shape = "{{.CreatedBy}} {{.Size}} {{.Comment}}"
    listed = both("history", "--no-trunc", "--format", shape, OTHER).out.splitlines()
    assert listed[2] == "|1 WHO=me /bin/sh -c echo hi $WHO; sleep 0.5; echo err >&2 SIZE"


def test_q_prints_the_id_only(both: Both, context: Path) -> None:
    assert both(*QUIET, "-q", str(context)).out == "DIGEST\n"
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo why; exit 3\n")
    assert both(*QUIET, "-q", str(context)).code == 3


def test_another_file_and_what_comes_by_standard_input(both: Both, context: Path) -> None:
    (context / "deploy").mkdir()
    (context / "deploy" / "Other").write_text(f"FROM {IMAGE}\nCOPY given deploy/Other /\n")
    both(*QUIET, "-t", TAG, "-f", str(context / "deploy" / "Other"), str(context))
    (context.parent / "outside").write_text(f"FROM {IMAGE}\nCOPY given /outside\n")
    both(*QUIET, "-f", str(context.parent / "outside"), str(context))
    both(*QUIET, "-f", "nosuch", str(context), only=lambda _: "")
    new = os.urandom(6).hex()
    dockerfile = f"FROM {IMAGE}\nENV NEW={new}\nRUN ls -A / | grep -c Dockerfile || true\n".encode()
    both(*QUIET, "-t", TAG, "-", stdin=dockerfile, only=_said)
    both(*QUIET, "-f", "-", str(context), stdin=b"FROM scratch\nCOPY given /\n", only=_said)
    sent = tar(file("Dockerfile", f"FROM {IMAGE}\nCOPY a /a\n".encode()), file("a", os.urandom(8)))
    both(*QUIET, "-t", TAG, "-", stdin=sent)
    both(*QUIET, "-", stdin=b"")


def test_dockerignore_keeps_files_back(both: Both, context: Path) -> None:
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY . /all\nRUN ls -A /all\n")
    (context / ".dockerignore").write_text("*\n!kept\nDockerfile\n.dockerignore\n")
    (context / "kept").write_text(os.urandom(8).hex())
    made = both(*QUIET, str(context), only=_said)
    assert re.search(r"in SHORT\nkept\nRemoving", made.out)


@pytest.mark.parametrize(
    "dockerfile",
    [
        f"FROM {IMAGE}\nRUN echo out; sleep 0.5; echo err >&2; exit 3",
        f'FROM {IMAGE}\nRUN ["/nosuch"]',
        f"FROM {IMAGE}\nNOSUCH instruction",
        f"FROM {IMAGE}\nCOPY nosuch /",
        f"FROM {IMAGE}\nCOPY nosuch* /",
        f"FROM {IMAGE}\nCOPY ../given /",
        f"FROM {IMAGE}\nCOPY given",
        f"FROM {IMAGE}\nCOPY given Dockerfile /file",
        f"FROM {IMAGE}\nCOPY --chown=nobodyknown given /",
        f"FROM {IMAGE}\nCOPY --nosuch=1 given /",
        f"FROM {IMAGE}\nENV",
        f"FROM {IMAGE}\nENV A",
        f"FROM {IMAGE}\nEXPOSE lots",
        f"FROM {IMAGE}\nSTOPSIGNAL SIGNOSUCH",
        f"FROM {IMAGE}\nHEALTHCHECK --interval=never CMD true",
        f"FROM {IMAGE}\nSHELL sh -c",
        f"FROM {IMAGE}\nONBUILD FROM {IMAGE}",
        f"FROM {IMAGE}\nVOLUME []",
        f"FROM {IMAGE}\nWORKDIR",
        f"FROM {IMAGE}\nRUN echo ${{A\nENV B=${{A",
        f"FROM {IMAGE}\nCOPY given /\nUSER nobodyknown\nRUN true",
        f"FROM {IMAGE} AS 1two",
        f"FROM {IMAGE} AS",
        "FROM",
        "FROM scratch",
        "RUN before",
        "# nothing but this",
        "FROM ${NOTHING}",
        f"# escape=x\nFROM {IMAGE}",
    ],
    ids=lambda text: re.sub(r"\W+", "-", text.replace(IMAGE, "image"))[:50],
)
def test_what_fails_says_why_and_has_the_code(dockerfile: str, both: Both, context: Path) -> None:
    (context / "Dockerfile").write_text(dockerfile)
    failed = both(*QUIET, str(context), only=_said)
    assert failed.code != 0


def test_no_such_target_and_no_such_network(both: Both, context: Path) -> None:
    both(*QUIET, "--target", "nosuch", str(context))
    both("build", "--network=nosuch", str(context), only=_kinds)
    both(*QUIET, "-t", "UPPER", str(context))
