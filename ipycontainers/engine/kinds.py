"""JSON that is to be of a certain kind, and what Go says where it is not.

    checked({"name": 5}, "NetworkCreateRequest", {"Name": "string"})
    Invalid: json: cannot unmarshal number into Go struct field NetworkCreateRequest.Name of type …

Knows: Go's names of kinds. Does not know: what any value means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipycontainers.errors import Invalid

from . import wire

_KINDS: Mapping[str, type[Any]] = {"string": str, "bool": bool}
_INNER = {"[]string": "string", "map[string]string": "string"}


def checked(given: Mapping[str, Any], place: str, kinds: Mapping[str, str]) -> wire.Json:
    """With the keys that Go would find. ``place`` is what Go calls the object: its struct, and
    the keys that lead to it; ``kinds`` are Go's names of its values' kinds. Raises Invalid."""
    made = wire.spelled(given, kinds)
    for key, kind in kinds.items():
        check(made.get(key), f"{place}.{key}", kind)
    return made


def check(value: Any, place: str, kind: str) -> None:
    """Raises Invalid, in Go's words; null is of every kind."""
    if value is None:
        return
    wanted = _KINDS.get(kind) or (list if kind.startswith("[]") else dict)
    if not isinstance(value, wanted):
        raise Invalid(
            f"json: cannot unmarshal {_go(value)} into Go struct field {place} of type {kind}"
        )
    if inner := _INNER.get(kind):
        for one in value.values() if isinstance(value, dict) else list(value):
            check(one, place, inner)


def _go(value: object) -> str:
    """What Go calls a value of JSON."""
    names = {str: "string", bool: "bool", list: "array", dict: "object"}
    return names.get(type(value), "number")
