"""One line of %%container as a value: what is asked of it, in words of the line's options.

Knows: what each option gives. Does not know: syntax, engines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import values
from .paths import EngineTraits
from .table import Option


@dataclass(frozen=True)
class RunOptions:
    """One line of %%container, taken apart: the image, what stands behind it, the options.

    ``given`` is in the order of the line, and of an option that cannot repeat the last
    one counts, as docker run has it. Options without a value are True or False.
    """

    image: str
    command: tuple[str, ...] = ()
    given: tuple[tuple[Option, str | bool], ...] = ()

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of an option, by its long name without dashes."""
        return tuple(
            value if isinstance(value, str) else str(value)
            for option, value in self.given
            if option.name == name
        )

    def last(self, name: str) -> str | None:
        found = self.texts(name)
        return found[-1] if found else None

    def flag(self, name: str) -> bool:
        return self.last(name) == "True"

    @property
    def here(self) -> bool:
        return self.flag("here")

    @property
    def diff(self) -> bool:
        return self.flag("diff")

    @property
    def bg(self) -> bool:
        return self.flag("bg")

    @property
    def tty(self) -> bool:
        return self.flag("tty")

    @property
    def detach(self) -> bool:
        return self.flag("detach")

    @property
    def session(self) -> str | None:
        return self.last("session")

    @property
    def inputs(self) -> dict[str, str]:
        """What -i gives: name in the cell → Python expression."""
        return {
            name: of for text in self.texts("input") for name, of in values.inputs(text).items()
        }

    @property
    def outputs(self) -> dict[str, str]:
        """What -o takes: Python variable → name in the cell."""
        return {
            name: of for text in self.texts("output") for name, of in values.outputs(text).items()
        }

    @property
    def output_limit(self) -> int | None:
        """Bytes of all values that -o takes, where the line says so."""
        value = self.last("output-limit")
        return None if value is None else values.size(value)

    @property
    def keep(self) -> bool:
        """The container stays when the cell ends: --keep, and docker run's --rm=false."""
        return self.flag("keep") or self.last("rm") == "False"

    @property
    def raise_error(self) -> bool:
        """Whether a non-zero exit code fails the cell; the last word on it counts."""
        told = [
            (option.name == "raise-error") == value
            for option, value in self.given
            if option.name in ("raise-error", "no-raise-error")
        ]
        return told[-1] if told else True

    @property
    def out(self) -> str | None:
        return self.last("out")

    @property
    def err(self) -> str | None:
        return self.last("err")

    @property
    def proc(self) -> str | None:
        return self.last("proc")

    @property
    def stdin(self) -> str | None:
        """What --stdin names, as typed: a Python variable or a file."""
        return self.last("stdin")

    @property
    def timeout(self) -> float | None:
        value = self.last("timeout")
        return None if value is None else values.seconds(value)

    @property
    def pull(self) -> str:
        return self.last("pull") or "missing"

    @property
    def platform(self) -> str | None:
        return self.last("platform")

    @property
    def memory(self) -> str | None:
        """What -m says, as typed."""
        return self.last("memory")

    @property
    def name(self) -> str | None:
        return self.last("name")

    @property
    def entrypoint(self) -> str | None:
        """The value of --entrypoint; "" means: none, not even the image's own."""
        return self.last("entrypoint")

    def create_config(
        self,
        *,
        entrypoint: Sequence[str] | None = None,
        command: Sequence[str] | None = None,
        folder: Path,
        environ: Mapping[str, str],
        traits: EngineTraits | None = None,
        labels: Mapping[str, str] | None = None,
        stdin: bool = False,
        defaults: Mapping[str, str] | None = None,
    ) -> dict[str, object]:
        """The JSON body of POST /containers/create; see ``create.config``."""
        from . import create

        return create.config(
            self,
            entrypoint=entrypoint,
            command=command,
            folder=folder,
            environ=environ,
            traits=traits or EngineTraits(),
            labels=labels or {},
            stdin=stdin,
            defaults=defaults or {},
        )

    def warnings(self, folder: Path) -> tuple[str, ...]:
        """What is right, and perhaps not what was meant; a sentence each, for the user.

        ``folder`` is the notebook's.
        """
        from . import paths

        return tuple(
            sentence
            for name in ("volume", "mount")
            for text in self.texts(name)
            if (sentence := paths.shadowed(name, text, folder))
        )

    def docker_command(
        self,
        *,
        entrypoint: Sequence[str] | None = None,
        command: Sequence[str] | None = None,
        folder: Path | None = None,
        traits: EngineTraits | None = None,
        stdin: bool = False,
    ) -> str:
        """The equivalent ``docker run …`` for a shell; see ``command.line``.

        Words of ``entrypoint`` and ``command`` that come from this object show what was
        typed for them.
        """
        from . import command as shown

        return shown.line(
            self,
            entrypoint=entrypoint,
            command=command,
            folder=folder,
            traits=traits or EngineTraits(),
            stdin=stdin,
        )
