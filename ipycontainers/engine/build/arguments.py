"""Build arguments: which of them an instruction sees, and with which value.

    build = Arguments({"V": "2"})                  # --build-arg V=2
    build = build.before_from("V", "1.0")          # ARG V=1.0, before the first FROM
    build.for_from()                               # {"V": "2"}
    stage = build.stage()                          # in which V is unknown, until ARG V
    stage.declared("V", None).known()              # {"V": "2"}

https://docs.docker.com/reference/dockerfile/#arg

Knows: their scopes. Does not know: instructions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY")
BUILT_IN = frozenset(_PROXIES) | {name.lower() for name in _PROXIES}  # known without ARG

_Values = Mapping[str, "str | None"]


@dataclass(frozen=True)
class Arguments:
    """``given`` by who builds, ``meta`` before the first FROM, ``allowed`` in this stage.

    None is a name without a value.
    """

    given: _Values = field(default_factory=dict)
    meta: _Values = field(default_factory=dict)
    allowed: _Values = field(default_factory=dict)
    used: frozenset[str] = frozenset()

    def before_from(self, name: str, value: str | None) -> Arguments:
        """With an ARG that stands before the first FROM."""
        return replace(self.declared(name, value), meta={**self.meta, name: value})

    def declared(self, name: str, value: str | None) -> Arguments:
        """With an ARG of this stage."""
        allowed = {**self.allowed, name: value}
        return replace(self, allowed=allowed, used=self.used | {name})

    def stage(self) -> Arguments:
        """Those of a new stage, to which no ARG has come yet."""
        return replace(self, allowed={})

    def after(self, stage: Arguments) -> Arguments:
        """These, when that stage has ended."""
        return replace(self, used=self.used | stage.used)

    def for_from(self) -> dict[str, str]:
        """What FROM can use."""
        return self._all(self.meta)

    def known(self) -> dict[str, str]:
        """What the stage can use."""
        return self._all(self.allowed)

    def beside(self, environment: Iterable[str]) -> dict[str, str]:
        """What the stage can use and ENV (a Config's list) does not set: ENV goes before."""
        names = {variable.partition("=")[0] for variable in environment}
        return {name: value for name, value in self.known().items() if name not in names}

    def told(self, environment: Iterable[str]) -> list[str]:
        """NAME=VALUE for the history and the cache: proxies count only where ARG names them."""
        beside = self.beside(environment).items()
        return sorted(
            f"{name}={value}"
            for name, value in beside
            if name in self.allowed or name not in BUILT_IN
        )

    def unused(self) -> list[str]:
        """Those given that no ARG asked for, which a build warns of."""
        return sorted(set(self.given) - self.used - BUILT_IN)

    def _all(self, source: _Values) -> dict[str, str]:
        values = {name: self._value(name, source) for name in [*source, *sorted(BUILT_IN)]}
        return {name: value for name, value in values.items() if value is not None}

    def _value(self, name: str, source: _Values) -> str | None:
        for values in (self.given, source, self.meta):
            if (value := values.get(name)) is not None:
                return value
        return None
