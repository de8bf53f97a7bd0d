"""The rows of the table beside the docker command's own help: flags, types, defaults, sentences."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from commands.conftest import DEBIAN
from support import require

from ipycontainers.commands import acting, help_text, looking, manual
from ipycontainers.commands.verb import Verb

# Of Kubernetes, which this docker command no longer speaks to either.
LEFT_OUT = ("--kubeconfig",)
OURS = ("stdin",)
HIDDEN = {"image build": ("platform",)}  # the command takes it, and tells of it with BuildKit only
NOTHING = re.compile(r" \(default (\[\]|map\[\])\)| --help +Print usage")


def _said(verb: Verb) -> str:
    require(shutil.which(DEBIAN), "docker", f"no {DEBIAN} here")
    words = [DEBIAN, *verb.name.split(), "--help"]
    environ = {"PATH": os.environ["PATH"], "DOCKER_CONFIG": "/nonexistent"}
    return subprocess.run(
        words, capture_output=True, text=True, check=True, timeout=60, env=environ
    ).stdout


@pytest.mark.parametrize(
    "verb",
    [one for one in (*looking.ROWS, *acting.ROWS) if not one.refused],
    ids=lambda verb: verb.name,
)
def test_a_row_is_what_docker_says_of_its_verb(verb: Verb) -> None:
    said = _said(verb)
    assert f"Usage:  docker {verb.name} {verb.usage}".rstrip() in said
    assert any(line.startswith(verb.help) for line in said.splitlines())
    lines = said.partition("Options:\n")[2].splitlines()
    theirs = [line for line in lines if not any(name in line for name in LEFT_OUT)]
    # The command breaks its lines at 80 columns.
    untold = (*OURS, *HIDDEN.get(verb.name, ()))
    flags = tuple(flag for flag in verb.flags if flag.name not in untold)
    assert manual.options(flags).split() == NOTHING.sub("", " ".join(theirs)).split()


def test_help_names_every_verb_and_group() -> None:
    shown = help_text()
    for name in ("ps", "images", "inspect", "container", "volume", "events"):
        assert f"\n  {name} " in shown
    assert "\n  ls " in help_text("container")
