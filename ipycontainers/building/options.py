"""The line of %%dockerfile: the options of ``docker build`` and a few of our own.

    parse(["-t", "lab", "--build-arg", "V=2"])     BuildOptions

Knows: these options. Does not know: Dockerfiles, engines.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ipycontainers.errors import Invalid
from ipycontainers.options.flags import Flags, Given
from ipycontainers.options.manual import written
from ipycontainers.options.table import OURS, SCRIPT, Option, row, section
from ipycontainers.options.words import as_typed, check_text

_HEAD = """\
%%dockerfile -t NAME [OPTIONS]
    build an image: the cell is the Dockerfile

    %%dockerfile -t lab                       a Dockerfile, and no files beside it
    %%dockerfile -t lab --context .           with the notebook's folder, for COPY and ADD
    %%dockerfile -t lab --build-arg V={v}     with a Python value
    %%dockerfile -t lab --append              further instructions, on what lab is now

Each step is shown as it comes, and whether it was taken from the cache. A step that fails, fails
the cell, with its output and its line. ■ ends the build at the engine too.

In the line {name} and {expression} become Python values; $name, {{…}} and the cell stay as
typed. Of the folder of --context all is sent but what its .dockerignore leaves out.
--append goes on from the image, with each ARG of the cells that it was built of in this kernel.
"""
_OTHERS = """
    --add-host --allow --annotation --attest --build-context --builder --cache-from --cache-to
    --cgroup-parent --check --compress --cpu-period --cpu-quota -c --cpu-shares --cpuset-cpus
    --cpuset-mems --disable-content-trust -f --file --force-rm --iidfile --isolation --label
    --load -m --memory --memory-swap --metadata-file --network -o --output --progress --provenance
    --push -q --quiet --rm --sbom --secret --security-opt --shm-size --squash --ssh --stream
    --ulimit
"""


def _named(value: str) -> str:
    if not value:
        raise ValueError("there is no name")
    return value


def _argument(value: str) -> str:
    if not value.partition("=")[0]:
        raise ValueError("there is no name before =")
    return value


# fmt: off
OPTIONS: tuple[Option, ...] = (
    section(
        "As for docker build",
        row("-t --tag", "NAME", "how the image is called", read=_named, example="lab",
            repeats=True, kind="image"),
        row("--build-arg", "NAME[=VALUE]", "the value of an ARG; NAME alone takes the kernel's",
            read=_argument, example="VERSION=2", repeats=True),
        row("--target", "STAGE", "stop at this stage", example="builder"),
        row("--no-cache", "", "do each step anew"),
        row("--pull", "", "look for a newer base image"),
        row("--platform", "OS/ARCH", "of a base image made for several", example="linux/amd64"),
    )
    + section(
        OURS,
        row("--context", "FOLDER", "send this folder, from the notebook's, for COPY and ADD",
            read=_named, example=".", kind="path"),
        row("--save", "FILE", "write the Dockerfile when it was built", read=_named,
            example="Dockerfile", kind="path"),
        row("--append", "", "the cell's instructions go on from the image of this name"),
    )
    + section(
        SCRIPT,
        row("--no-raise-error", "", "a build that fails, see _exit_code, fails nothing"),
    )
)
# fmt: on
_BY_NAME = {name: option for option in OPTIONS for name in option.names}
_FLAGS = Flags(_BY_NAME, "%%dockerfile", "docker build", frozenset(_OTHERS.split()))


@dataclass(frozen=True)
class BuildOptions:
    """A line that was understood. ``given`` is what was typed, in its order."""

    given: tuple[tuple[Option, str | bool], ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the image."""
        return self._all("tag")

    @property
    def context(self) -> str:
        """The folder to send; "" for none."""
        return self._last("context")

    @property
    def save(self) -> str:
        """The file to write; "" for none."""
        return self._last("save")

    @property
    def target(self) -> str:
        return self._last("target")

    @property
    def platform(self) -> str:
        return self._last("platform")

    def flag(self, name: str) -> bool:
        """Whether a flag was given, the last time with true."""
        values = [value for option, value in self.given if option.name == name]
        return bool(values and values[-1])

    def arguments(self) -> dict[str, str | None]:
        """What ARG gets."""
        return build_arguments(self._all("build-arg"))

    def docker_command(self, text: str) -> str:
        """The same in a terminal, with what was typed and not with its values."""
        words = ["docker", "build"]
        for option, value in self.given:
            if option.group == "docker" and value is not False:
                words.append(option.names[0])
                if isinstance(value, str):
                    words.append(shlex.quote(as_typed(value)))
        where = ["-f", "-", shlex.quote(as_typed(self.context))] if self.context else ["-"]
        lines = set(text.split("\n"))
        marks = ("EOF", *(f"EOF{number}" for number in range(len(lines))))
        mark = next(mark for mark in marks if mark not in lines)
        return f"{' '.join([*words, *where])} <<'{mark}'\n{text.rstrip()}\n{mark}"

    def _all(self, name: str) -> tuple[str, ...]:
        # Not by str(), which would forget what was typed.
        found = (value for option, value in self.given if option.name == name)
        return tuple(value for value in found if isinstance(value, str))

    def _last(self, name: str) -> str:
        return next(iter(self._all(name)[::-1]), "")


def build_arguments(
    given: Iterable[str], environ: Mapping[str, str] = os.environ
) -> dict[str, str | None]:
    """As for docker a name alone takes the variable, and is None without one: then the Dockerfile's
    own value holds."""
    pairs = (one.partition("=") for one in given)
    return {name: value if equals else environ.get(name) for name, equals, value in pairs}


def parse(words: Sequence[str]) -> BuildOptions:
    """Raises Invalid, in one sentence with a hint."""
    rest: list[str] = list(words)
    given: Given = []
    while rest:
        word = rest.pop(0)
        if word in ("-f", "--file"):
            raise Invalid("the Dockerfile is the cell, so there is no -f", "leave it out")
        if len(word) < 2 or word[0] != "-" or word == "--":
            raise _not_an_option(word)
        given += _FLAGS.take(word, rest)
    made = BuildOptions(tuple(given))
    _refuse_contradictions(made)
    return made


def help_text() -> str:
    """The manual, at most 100 columns wide."""
    return written(_HEAD, OPTIONS)


def _not_an_option(word: str) -> Invalid:
    check_text(word, "the line")
    if word in (".", "-") or "/" in word:
        return Invalid(f"{word}: a folder is sent by --context", f"--context {shlex.quote(word)}")
    return Invalid(f"{word}: the image's name is given by -t", f"-t {shlex.quote(word)}")


def _refuse_contradictions(made: BuildOptions) -> None:
    if not made.flag("append"):
        return
    if not made.tags:
        raise Invalid("--append goes on from an image, and none is named", "--append -t NAME")
    for name, is_given in (("pull", made.flag("pull")), ("target", bool(made.target))):
        if is_given:
            raise Invalid(
                f"--append goes on from the image that is here, so there is nothing for --{name}",
                "leave one of them out",
            )
