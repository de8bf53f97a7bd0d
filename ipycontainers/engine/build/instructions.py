"""What instructions change besides files: an image's Config, its author, the build's arguments.

    state = State(begun(base.config), arguments)
    change = changed(state, instruction, dockerfile.escape)
    change.state, change.comment                    # …, 'CMD ["sh"]'

    apply({}, ["ENV A=1 B=$A", 'CMD ["sh"]'])       # docker commit --change

https://docs.docker.com/reference/dockerfile for each word.

Knows: their effects and how dockerd 20.10 tells of them in a history. Does not know: files, how
images are stored.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ipycontainers.engine.container import DEFAULT_PATH
from ipycontainers.engine.wire import signal_number
from ipycontainers.errors import Invalid

from . import health_check, heredocs, ports
from .arguments import Arguments
from .dockerfile import read
from .heredocs import Heredoc
from .instruction import Instruction
from .quotes import listed
from .words import expand, expand_document, expand_words

Config = dict[str, Any]
DEFAULT_SHELL = ("/bin/sh", "-c")
# Of docker commit --change. dockerd 20.10 has no STOPSIGNAL there, others have.
CHANGES = frozenset({"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD"})
CHANGES |= {"STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
LARGEST = 4 << 20  # characters of one instruction with values in it, or of all ARG before FROM
_ONE_ARGUMENT = {"ADD", "COPY", "WORKDIR"}  # whose text in a history is one word with its #(nop)


@dataclass(frozen=True)
class State:
    """What a stage is between two of its instructions. ``config`` is never changed in place.

    ``has_command`` says that a CMD stood in this stage, so that ENTRYPOINT leaves it.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    arguments: Arguments = field(default_factory=Arguments)
    author: str = ""
    has_command: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The variables that an instruction may use: ENV, then ARG."""
        variables = self.config.get("Env") or ()
        return {**self.arguments.beside(variables), **_by_name(variables)}


@dataclass(frozen=True)
class Change:
    """The state after an instruction; ``comment`` is for the history, ``note`` for who builds."""

    state: State
    comment: str
    note: str = ""


# --- from a base to an image ---------------------------------------------------------------------


def begun(config: Mapping[str, Any] | None) -> Config:
    """The Config that a stage begins with: its base's, which is None for scratch."""
    began = {**(config or {}), "OpenStdin": False, "StdinOnce": False}
    if "PATH" not in _by_name(began.get("Env") or ()):
        began["Env"] = [*(began.get("Env") or ()), f"PATH={DEFAULT_PATH}"]
    return began


def expanded(instruction: Instruction, state: State, escape: str = "\\") -> Instruction:
    """With variables replaced in what this instruction replaces them in. Invalid.

    Of COPY and ADD the arguments are then paths only; the documents are sources beside them,
    files of mode 0644 with the documents' names and content.
    """
    if instruction.word not in _EXPANDED or not instruction.expands:
        return instruction
    environment = state.environment
    flags = dict(instruction.flags)
    if "chown" in flags:
        flags["chown"] = expand(str(flags["chown"]), environment, escape)
    paths = _without_documents(instruction)
    words = tuple(
        _bounded(_replaced(instruction.word, word, environment, escape) for word in paths)
    )
    texts = _bounded(_document(heredoc, environment) for heredoc in instruction.heredocs)
    documents = tuple(map(_with_text, instruction.heredocs, texts))
    return replace(instruction, arguments=words, flags=flags, heredocs=documents)


def before_from(arguments: Arguments, instruction: Instruction, escape: str = "\\") -> Arguments:
    """With an ARG that stands before the first FROM. Invalid, also for too much of all of them."""
    for word in expanded(instruction, State({}, arguments), escape).arguments:
        name, equals, value = word.partition("=")
        arguments = arguments.before_from(name, value if equals else None)
    _check_size(sum(len(value or "") for value in arguments.meta.values()))
    return arguments


def changed(state: State, instruction: Instruction, escape: str = "\\") -> Change:
    """After any instruction but RUN, COPY and ADD. Invalid, in dockerd's words."""
    if instruction.word == "EXPOSE":
        return _expose(state, instruction, escape)
    return _EFFECTS[instruction.word](state, expanded(instruction, state, escape))


def nothing(config: Mapping[str, Any], word: str, comment: str) -> list[str]:
    """The command of a step that runs none: what a history shows of it."""
    shell = config.get("Shell") or DEFAULT_SHELL
    if word in _ONE_ARGUMENT:
        return [*shell, f"#(nop) {comment}"]
    return [*shell, "#(nop) ", comment]


def command(config: Mapping[str, Any], instruction: Instruction) -> list[str]:
    """What CMD and ENTRYPOINT say: the words of their JSON form, or text for the shell."""
    if instruction.is_json:
        return list(instruction.arguments)
    return [*(config.get("Shell") or DEFAULT_SHELL), *instruction.arguments]


@dataclass(frozen=True)
class Run:
    """What RUN runs. ``history`` is its command for history and cache, with the build arguments
    that it can see; ``arguments`` are those, NAME=VALUE, and not for the image's Config.
    ``file`` has to be there while it runs, mode 0755, under ``heredocs.FOLDER``."""

    command: list[str]
    history: list[str]
    arguments: list[str]
    file: Heredoc | None = None


def run(state: State, instruction: Instruction) -> Run:
    """RUN in this state."""
    seen = state.arguments.beside(state.config.get("Env") or ())
    arguments = [f"{name}={value}" for name, value in seen.items()]
    words, shown, file = list(instruction.arguments), list(instruction.arguments), None
    if not instruction.is_json:
        shell = state.config.get("Shell") or DEFAULT_SHELL
        if instruction.heredocs:
            script = heredocs.script(instruction.text, instruction.heredocs)
            words, shown, file = [script.text], [script.shown], script.file
        words, shown = [*shell, *words], [*shell, *shown]
    if arguments:
        told = state.arguments.told(state.config.get("Env") or ())
        shown = [f"|{len(told)}", *told, *shown]
    return Run(words, shown, arguments, file)


# --- docker commit --change ----------------------------------------------------------------------


def apply(config: Mapping[str, Any], changes: Iterable[str]) -> Config:
    """``config`` after the instructions. Invalid, in dockerd's words, for what is none."""
    lines = list(changes)
    if not lines:
        return dict(config)
    escape, instructions = read("\n".join(lines), CHANGES)
    state, size = State(config), 0
    for instruction in instructions:
        change = changed(state, instruction, escape)
        state, size = change.state, size + len(change.comment)
        _check_size(size)
    return dict(state.config)


# --- one by one ----------------------------------------------------------------------------------


def _by_name(variables: Iterable[str]) -> dict[str, str]:
    return dict(variable.partition("=")[::2] for variable in variables)


def _replaced(word: str, text: str, environment: Mapping[str, str], escape: str) -> str:
    parts = text.split("=", 1) if word == "ARG" else [text]
    return "=".join(expand(part, environment, escape) for part in parts)


def _without_documents(instruction: Instruction) -> tuple[str, ...]:
    if not instruction.heredocs:
        return instruction.arguments
    return tuple(word for word in instruction.arguments if not heredocs.of_word(word))


def _document(heredoc: Heredoc, environment: Mapping[str, str]) -> str:
    return expand_document(heredoc.text, environment) if heredoc.expand else heredoc.text


def _with_text(heredoc: Heredoc, text: str) -> Heredoc:
    return Heredoc(heredoc.name, text, expand=False)


def _bounded(words: Iterable[str]) -> Iterator[str]:
    """As they are. Invalid before there are too many: each may name others that grow so."""
    size = 0
    for word in words:
        size += len(word)
        _check_size(size)
        yield word


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise Invalid(f"variables make more than {LARGEST:,} characters of this")


def _pairs(instruction: Instruction) -> list[tuple[str, str]]:
    return list(zip(instruction.arguments[::2], instruction.arguments[1::2], strict=True))


def _with(state: State, **fields: Any) -> State:
    return replace(state, config={**state.config, **fields})


def _env(state: State, instruction: Instruction) -> Change:
    variables = list(state.config.get("Env") or ())
    for name, value in _pairs(instruction):
        names = [variable.partition("=")[0] for variable in variables]
        at = names.index(name) if name in names else len(names)
        variables[at : at + 1] = [f"{name}={value}"]
    return Change(_with(state, Env=variables), _comment("ENV", instruction))


def _label(state: State, instruction: Instruction) -> Change:
    labels = {**(state.config.get("Labels") or {}), **dict(_pairs(instruction))}
    return Change(_with(state, Labels=labels), _comment("LABEL", instruction))


def _comment(word: str, instruction: Instruction) -> str:
    return " ".join([word, *(f"{name}={value}" for name, value in _pairs(instruction))])


def _maintainer(state: State, instruction: Instruction) -> Change:
    (author,) = instruction.arguments
    return Change(replace(state, author=author), f"MAINTAINER {author}")


def _argument(state: State, instruction: Instruction) -> Change:
    arguments = state.arguments
    for word in instruction.arguments:
        name, equals, value = word.partition("=")
        arguments = arguments.declared(name, value if equals else None)
    comment = "ARG " + " ".join(instruction.arguments)
    return Change(replace(state, arguments=arguments), comment)


def _cmd(state: State, instruction: Instruction) -> Change:
    words = command(state.config, instruction)
    has_command = state.has_command or bool(instruction.arguments)
    after = replace(_with(state, Cmd=words), has_command=has_command)
    return Change(after, f"CMD {listed(words)}")


def _entrypoint(state: State, instruction: Instruction) -> Change:
    """A CMD of the base is for the base's entrypoint, and goes."""
    words = command(state.config, instruction) if instruction.arguments else []
    after = _with(state, Entrypoint=words or None)
    if not state.has_command:
        after = _with(after, Cmd=None)
    return Change(after, f"ENTRYPOINT {listed(words)}")


def _shell(state: State, instruction: Instruction) -> Change:
    words = list(instruction.arguments)
    return Change(_with(state, Shell=words), f"SHELL [{' '.join(words)}]")


def _expose(state: State, instruction: Instruction, escape: str) -> Change:
    environment = state.environment
    read = (expand_words(it, environment, escape) for it in sorted(instruction.arguments))
    words = list(_bounded(word for some in read for word in some))
    exposed = dict(state.config.get("ExposedPorts") or {})
    exposed |= {port: {} for word in words for port in ports.exposed(word)}
    after = _with(state, ExposedPorts=exposed) if exposed else state
    return Change(after, f"EXPOSE {' '.join(words)}")


def _volume(state: State, instruction: Instruction) -> Change:
    if "" in instruction.arguments:
        raise Invalid("VOLUME specified can not be an empty string")
    paths = instruction.arguments
    volumes = {**(state.config.get("Volumes") or {}), **{path: {} for path in paths}}
    return Change(_with(state, Volumes=volumes), f"VOLUME [{' '.join(paths)}]")


def _workdir(state: State, instruction: Instruction) -> Change:
    (path,) = instruction.arguments
    if not path:
        raise Invalid("cannot normalize nothing")
    if not path.startswith("/"):
        current = state.config.get("WorkingDir") or ""
        path = posixpath.normpath(posixpath.join("/", current.lstrip("/"), path))
    return Change(_with(state, WorkingDir=path), f"WORKDIR {path}")


def _user(state: State, instruction: Instruction) -> Change:
    (user,) = instruction.arguments
    return Change(_with(state, User=user), f"USER {user}")


def _stop_signal(state: State, instruction: Instruction) -> Change:
    (signal,) = instruction.arguments
    if not re.fullmatch(r"[+-]?0*[1-9][0-9]*", signal, re.ASCII):  # any number is left to stop
        signal_number(signal)
    return Change(_with(state, StopSignal=signal), f"STOPSIGNAL {signal}")


def _on_build(state: State, instruction: Instruction) -> Change:
    triggers = [*(state.config.get("OnBuild") or ()), instruction.text]
    return Change(_with(state, OnBuild=triggers), f"ONBUILD {instruction.text}")


def _health_check(state: State, instruction: Instruction) -> Change:
    """What it does not say of durations and retries stays as it was, as dockerd has it."""
    earlier = state.config.get("Healthcheck") or {}
    test = earlier.get("Test") or ["NONE"]
    note = "" if test[0] == "NONE" else f"Note: overriding previous HEALTHCHECK: [{' '.join(test)}]"
    check = health_check.config(instruction.arguments, instruction.flags, instruction.is_json)
    after = _with(state, Healthcheck={**earlier, **check})
    return Change(after, f"HEALTHCHECK {health_check.shown(check)}", note)


_EFFECTS: Mapping[str, Callable[[State, Instruction], Change]] = {
    "ARG": _argument,
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "HEALTHCHECK": _health_check,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _on_build,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
_EXPANDED = {"ADD", "ARG", "COPY", "ENV", "LABEL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
