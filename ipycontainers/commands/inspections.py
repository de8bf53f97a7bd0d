"""inspect, of everything and of one kind.

Knows: where an engine tells of what, in which order the docker command looks. Does not know:
templates' syntax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipycontainers.errors import Refused

from .call import Call
from .console import Console, failed
from .result import Inspected, Lines, Result
from .template import Template, TemplateError
from .typed import typed

BAD_TEMPLATE = 64
KINDS = ("container", "image", "network", "volume")
NONE_HERE = {
    "container": "No such container",
    "image": "No such image",
    "network": "No such network",
    "volume": "No such volume",
}


def inspect(call: Call, console: Console) -> Result:
    """docker inspect."""
    kind = call.text("type")
    if kind and kind not in KINDS:
        raise failed(f'"{kind}" is not a valid value for --type')
    kinds = (kind,) if kind else KINDS
    return _inspected(call, console, kinds)


def container(call: Call, console: Console) -> Result:
    """docker container inspect."""
    return _inspected(call, console, ("container",))


def image(call: Call, console: Console) -> Result:
    """docker image inspect."""
    return _inspected(call, console, ("image",))


def network(call: Call, console: Console) -> Result:
    """docker network inspect."""
    return _inspected(call, console, ("network",))


def volume(call: Call, console: Console) -> Result:
    """docker volume inspect."""
    return _inspected(call, console, ("volume",))


def _inspected(call: Call, console: Console, kinds: tuple[str, ...]) -> Result:
    templates = _templates(call.text("format"))
    found, lines, problems = [], [], []
    for name in call.arguments:
        one, line, problem = _one(call, console, name, kinds, templates)
        if problem:
            problems.append(problem)
        else:
            found.append(one)
            lines.append(line)
    text = "".join(f"{line}\n" for line in lines) or "\n"
    result = Lines.of(text) if templates else Inspected(found)
    if problems:
        # What there is comes before the complaint, as on the command's two streams.
        console.out(result.text)
        raise failed("\n".join(problems))
    return result


def _one(
    call: Call, console: Console, name: str, kinds: tuple[str, ...], templates: Sequence[Template]
) -> tuple[Any, str, str]:
    """What the engine says, what the templates make of it, and what is wrong or ""."""
    try:
        one = _found(call, console, name, kinds)
        return one, _line(one, *templates) if templates else "", ""
    except Refused as error:
        return None, "", _problem(error, name, kinds)
    except TemplateError as error:
        return None, "", f"template parsing error: {error}"


def _line(one: Any, template: Template, strict: Template) -> str:
    """By Go's names and types, and else by those of JSON, as the command tries both."""
    try:
        return template.of(typed(one))
    except TemplateError:
        return strict.of(one)


def _templates(form: str) -> Sequence[Template]:
    if form in ("", "json"):
        return ()
    try:
        return Template(form), Template(form, strict=True)
    except TemplateError as error:
        raise failed(f"template parsing error: {error}", BAD_TEMPLATE) from error


def _found(call: Call, console: Console, name: str, kinds: tuple[str, ...]) -> Any:
    """Of the first kind that has one of this name. Raises Refused, that of the last."""
    first, *others = kinds
    try:
        return _ASK[first](call, console, name)
    except Refused as error:
        if not others or error.status not in (400, 404, 405):
            raise
    return _found(call, console, name, tuple(others))


def _ask_container(call: Call, console: Console, name: str) -> Any:
    has_size = any(flag.name == "size" for flag in call.verb.flags) and call.has("size")
    size = "1" if has_size else ""
    return console.daemon.get("containers", name, "json", size=size, patient=bool(size))


def _ask_network(call: Call, console: Console, name: str) -> Any:
    verbose = any(flag.name == "verbose" for flag in call.verb.flags) and call.has("verbose")
    return console.daemon.get("networks", name, verbose="true" if verbose else "")


_ASK: Mapping[str, Callable[[Call, Console, str], Any]] = {
    "container": _ask_container,
    "image": lambda _, console, name: console.daemon.get("images", name, "json"),
    "network": _ask_network,
    "volume": lambda _, console, name: console.daemon.get("volumes", name),
}


def _problem(error: Refused, name: str, kinds: tuple[str, ...]) -> str:
    if error.status == 404:
        what = NONE_HERE[kinds[0]] if len(kinds) == 1 else "No such object"
        return f"Error: {what}: {name}"
    return f"Error response from daemon: {error.message}"
