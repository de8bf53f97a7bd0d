"""Instructions of a Dockerfile that change an image's Config: what ``--change`` takes.

    apply({}, ["ENV A=1 B=$A", 'CMD ["sh"]'])

https://docs.docker.com/reference/dockerfile for each word.

Knows: their words, as dockerd 20.10 reads them. Does not know: files, how images are built.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ipycontainers.errors import Invalid

Config = dict[str, Any]
_SHELL = ["/bin/sh", "-c"]
_VARIABLE = re.compile(r"\\(.)|\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})", re.DOTALL)
_PORT = re.compile(r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_LARGEST_PORT = 65535


def apply(config: Mapping[str, Any], changes: Iterable[str]) -> Config:
    """``config`` after the instructions. Invalid, in dockerd's words, for what is none."""
    changed = dict(config)
    for line in _lines(changes):
        word, _, rest = line.partition(" ")
        known = _WORDS.get(word.upper())
        if known is None:
            raise Invalid(f"{word.lower()} is not a valid change command")
        rest = rest.strip()
        if not rest:
            raise Invalid(f"{word.upper()} requires at least one argument")
        known(changed, rest)
    return changed


def _lines(changes: Iterable[str]) -> list[str]:
    text = "\n".join(changes).replace("\\\n", "")
    lines = [line.strip() for line in text.splitlines()]
    return [re.sub(r"\s", " ", line, count=1) for line in lines if line and line[0] != "#"]


def _array(text: str) -> list[str] | None:
    """The words of ["a", "b"]; None for text of another form."""
    try:
        parsed = json.loads(text) if text.startswith("[") else None
    except ValueError:
        return None
    is_words = isinstance(parsed, list) and all(isinstance(word, str) for word in parsed)
    return parsed if is_words else None


def _command(text: str) -> list[str]:
    words = _array(text)
    return [*_SHELL, text] if words is None else words


def _cmd(config: Config, text: str) -> None:
    config["Cmd"] = _command(text)


def _entrypoint(config: Config, text: str) -> None:
    config["Entrypoint"] = _command(text)


def _env(config: Config, text: str) -> None:
    pairs = _pairs("ENV", text)
    known = dict(word.partition("=")[::2] for word in config.get("Env") or ())
    expanded = {name: expand(value, known) for name, value in pairs}
    config["Env"] = [f"{name}={value}" for name, value in {**known, **expanded}.items()]


def _label(config: Config, text: str) -> None:
    known = _environment(config)
    told = {expand(name, known): expand(value, known) for name, value in _pairs("LABEL", text)}
    config["Labels"] = {**(config.get("Labels") or {}), **told}


def _expose(config: Config, text: str) -> None:
    ports = dict(config.get("ExposedPorts") or {})
    for word in expand(text, _environment(config)).split():
        match = _PORT.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not match or first > last or last > _LARGEST_PORT:
            raise Invalid(f"Invalid containerPort: {word}")
        kind = (match[3] or "tcp").lower()
        ports |= {f"{port}/{kind}": {} for port in range(first, last + 1)}
    config["ExposedPorts"] = ports


def _volume(config: Config, text: str) -> None:
    words = _array(text)
    known = _environment(config)
    paths = [expand(word, known) for word in (text.split() if words is None else words)]
    if "" in paths:
        raise Invalid("VOLUME specified can not be an empty string")
    config["Volumes"] = {**(config.get("Volumes") or {}), **{path: {} for path in paths}}


def _workdir(config: Config, text: str) -> None:
    path = expand(text, _environment(config))
    config["WorkingDir"] = posixpath.normpath(
        posixpath.join("/", config.get("WorkingDir") or "", path)
    )


def _user(config: Config, text: str) -> None:
    config["User"] = expand(text, _environment(config))


def _stop_signal(config: Config, text: str) -> None:
    from .wire import signal_number

    signal_number(text)
    config["StopSignal"] = text


def _on_build(config: Config, text: str) -> None:
    word = text.partition(" ")[0].upper()
    if word in {"ONBUILD", "FROM", "MAINTAINER"}:
        why = "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"
        raise Invalid(why if word == "ONBUILD" else f"{word} isn't allowed as an ONBUILD trigger")
    config["OnBuild"] = [*(config.get("OnBuild") or ()), text]


def _health_check(config: Config, text: str) -> None:
    told: Config = {}
    flag = re.match(r"--([\w-]+)=(\S+)\s+", text)
    while flag:
        told |= _health_flag(flag[1], flag[2])
        text = text[flag.end() :]
        flag = re.match(r"--([\w-]+)=(\S+)\s+", text)
    kind, _, rest = text.partition(" ")
    if kind.upper() == "NONE":
        config["Healthcheck"] = {"Test": ["NONE"]}
    elif kind.upper() == "CMD" and rest.strip():
        words = _array(rest.strip())
        test = ["CMD-SHELL", rest.strip()] if words is None else ["CMD", *words]
        config["Healthcheck"] = {"Test": test, **told}
    else:
        raise Invalid(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')


def _health_flag(name: str, value: str) -> Config:
    keys = {"interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod"}
    if name == "retries" and value.isdigit():
        return {"Retries": int(value)}
    if name not in keys:
        raise Invalid(f"Unknown flag: {name}")
    units = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
    parts = re.findall(r"([\d.]+)(ns|us|ms|s|m|h)", value)
    if "".join(number + unit for number, unit in parts) != value or not parts:
        raise Invalid(f'time: invalid duration "{value}"')
    return {keys[name]: int(sum(float(number) * units[unit] for number, unit in parts))}


_WORDS: Mapping[str, Callable[[Config, str], None]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _health_check,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


# --- words ---------------------------------------------------------------------------------------


def _environment(config: Config) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in config.get("Env") or ())


def _pairs(instruction: str, text: str) -> list[tuple[str, str]]:
    """NAME=VALUE …, with quotes kept for ``expand``; the old form NAME VALUE is one pair."""
    words = _split(text)
    if "=" not in words[0]:
        name, _, value = text.partition(" ")
        if not value.strip():
            raise Invalid(f"{instruction} must have two arguments")
        return [(name, value.strip())]
    pairs = [word.partition("=") for word in words]
    for name, equals, _ in pairs:
        if not equals:
            raise Invalid(
                f"Syntax error - can't find = in {name!r}. Must be of the form: name=value"
            )
        if not name:
            raise Invalid(f"{instruction} names can not be blank")
    return [(name, value) for name, _, value in pairs]


def _split(text: str) -> Sequence[str]:
    """At blanks that are neither in quotes nor behind a backslash; quotes stay."""
    return re.findall(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'\\])+""", text, re.DOTALL)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Without quotes, and with $NAME, ${NAME}, ${NAME:-word} and ${NAME:+word} replaced."""

    def replaced(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1]
        value = variables.get(match[2] or match[3], "")
        if match[4]:
            return value or match[5] if match[4] == "-" else match[5] if value else ""
        return value

    parts = re.split(r"""('[^']*'|"(?:[^"\\]|\\.)*")""", text, flags=re.DOTALL)
    done = []
    for part in parts:
        if len(part) > 1 and part[0] == part[-1] == "'":
            done.append(part[1:-1])
        else:
            quoted = len(part) > 1 and part[0] == part[-1] == '"'
            done.append(_VARIABLE.sub(replaced, part[1:-1] if quoted else part))
    return "".join(done)
