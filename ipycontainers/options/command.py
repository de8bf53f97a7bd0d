"""RunOptions → the equivalent ``docker run …``, which pastes into a shell.

Paths are resolved and --here is spelt out, since a shell has another folder; the value
of a variable is never shown, -e NAME takes it from the shell; what only a notebook
knows is left out. What was typed in braces is shown in braces, everywhere: it may be a
secret, and notebooks are stored. So such a word, a path too, is shown as it was typed.

Knows: how docker run is written. Does not know: the API.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import create, paths
from .paths import EngineTraits
from .words import as_typed

if TYPE_CHECKING:
    from .run_options import RunOptions


def line(
    options: RunOptions,
    *,
    entrypoint: Sequence[str] | None,
    command: Sequence[str] | None,
    folder: Path | None,
    traits: EngineTraits,
    stdin: bool,
) -> str:
    """The command; never raises. Without ``folder`` paths stay as typed."""
    import shlex

    own = entrypoint is None
    before = [] if options.entrypoint is None or not own else [options.entrypoint]
    words = list(options.command if command is None else command)
    if entrypoint:
        before, words = [entrypoint[0]], [*entrypoint[1:], *words]
    reads = stdin or options.stdin is not None
    return shlex.join(
        [
            "docker",
            "run",
            *_removal(options),
            *(["-i"] if reads else []),
            *_options(options, folder, traits),
            *_here(options, folder, traits),
            *(word for text in before for word in ("--entrypoint", as_typed(text))),
            as_typed(options.image),
            *(as_typed(word) for word in words),
        ]
    )


def _removal(options: RunOptions) -> list[str]:
    removed = options.flag("rm") if options.detach else not options.keep
    return ["--rm"] if removed else []


def _options(options: RunOptions, folder: Path | None, traits: EngineTraits) -> Iterator[str]:
    for option, value in options.given:
        name = option.names[0]
        if option.group != "docker" or option.name in ("rm", "entrypoint"):
            continue
        if isinstance(value, bool):
            yield name if value else f"{name}=false"
            continue
        yield name
        if option.name == "env":
            yield as_typed(value, len(value.partition("=")[0]))
        elif as_typed(value) != value:
            yield as_typed(value)
        elif folder is not None and option.kind == "path":
            yield _resolved(option.name, value, folder, traits)
        else:
            yield value


def _resolved(name: str, value: str, folder: Path, traits: EngineTraits) -> str:
    if name in ("env-file", "label-file"):
        return paths.resolve(value, folder)
    if not traits.shares_files:
        return value
    if name == "volume":
        source, rest = paths.volume(value)
        return f"{paths.resolve(source, folder)}:{rest}" if paths.is_path(source) else value
    found = paths.mount(value)
    source = str(found.get("Source", ""))
    if found["Type"] != "bind" or not source:
        return value
    return value.replace(f"={source}", f"={paths.resolve(source, folder)}", 1)


def _here(options: RunOptions, folder: Path | None, traits: EngineTraits) -> list[str]:
    if not options.here or folder is None:
        return []
    inside = paths.inside(folder)
    plain = ":" not in str(folder)[2:]
    words = (
        ["-v", f"{folder}:{inside}"] if plain else ["--mount", paths.as_mount(str(folder), inside)]
    )
    if options.last("workdir") is None:
        words += ["-w", inside]
    user = create.here_user(traits)
    if user and options.last("user") is None:
        words += ["-u", user]
        for text in create.here_env(user, options.texts("env")):
            words += ["-e", text]
        for number in create.here_groups(user, options.texts("group-add")):
            words += ["--group-add", number]
    if traits.selinux and not any(
        text.startswith("label") for text in options.texts("security-opt")
    ):
        words += ["--security-opt", "label=disable"]
    if traits.userns_remap and options.last("userns") is None:
        words += ["--userns", "host"]
    return words
