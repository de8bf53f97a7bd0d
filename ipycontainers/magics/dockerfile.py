"""``%%dockerfile -t NAME``: the cell is a Dockerfile, of which the engine makes an image.

Knows: IPython's magics, the notebook's variables and folder. Does not know: docker-py, HTTP, how
a build is read or drawn.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, magics_class, needs_local_scope, no_var_expand

from ipycontainers.errors import ContainerError, EngineUnavailable, Invalid

from .container import INTERRUPTED, REFUSED

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainers.building.build import Built, Order
    from ipycontainers.building.context import Context
    from ipycontainers.building.options import BuildOptions
    from ipycontainers.building.progress import Progress

    from .container import ContainerMagics

FAILED = 1  # docker build's exit code where no command gave one
PRINTED = 8000  # characters of what a failed step printed
BIGGEST = 5


def _help() -> str:
    from ipycontainers.building.options import help_text

    return help_text()


@magics_class
class DockerfileMagics(Magics):
    """Builds images, on the engine of ``containers``."""

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell, containers: ContainerMagics) -> None:
        super().__init__(shell=shell)
        self._containers = containers
        # By the image's name: its id, and the Dockerfile that it was built of here.
        self._built: dict[str, tuple[str, str]] = {}

    @no_var_expand
    @needs_local_scope
    @cell_magic
    def dockerfile(self, line: str, cell: str, local_ns: dict[str, Any] | None = None) -> object:
        variables = self.shell.user_ns
        variables["_exit_code"] = REFUSED
        options = _options(line, {**variables, **(local_ns or {})})
        variables["_exit_code"] = FAILED
        try:
            shown = self._build(options, cell)
        except EngineUnavailable:
            self._containers.forget()
            raise
        except ContainerError as error:
            variables["_exit_code"] = getattr(error, "exit_code", None) or FAILED
            if options.flag("no-raise-error") and hasattr(error, "exit_code"):
                print("\n".join(error._render_traceback_()), file=sys.stderr)
                return None
            raise
        except KeyboardInterrupt as error:
            from .run import shown_as

            variables["_exit_code"] = INTERRUPTED
            raise shown_as(error, f"KeyboardInterrupt: {self._interrupted()}") from None
        variables["_exit_code"] = 0
        return shown

    # As ``container``'s.
    dockerfile.getdoc = _help  # type: ignore[union-attr]

    def _interrupted(self) -> str:
        # Podman has no call that ends it.
        if self._containers.connect().engine_name == "Podman":
            return "the build was interrupted; on Podman the step that ran goes on to its end"
        return "the build was interrupted, and nothing of it runs on"

    def _build(self, options: BuildOptions, cell: str) -> object:
        from ipycontainers.building import build
        from ipycontainers.building.progress import Progress

        from .build_progress import build_progress

        order = self._order(options, cell)
        connection = self._containers.connect()
        if options.flag("append"):
            order = replace(order, base=build.append_to(connection, options.tags[0]))
        _announce(order.context, options.context)
        title = f"Building {options.tags[0]}" if options.tags else "Building an image"
        progress = Progress(order.plan)
        try:
            with build_progress(self.shell, title, order.plan, progress) as view:
                built = build.run(connection, order, progress, view.watch, view.sent)
        except ContainerError as error:
            if progress.failure and not view.shows_output:
                _print_failed(progress)
            if not isinstance(error, (EngineUnavailable, Invalid)):
                error.command = options.docker_command(order.text.content)
            raise
        whole = self._whole(order, cell)
        self._built |= dict.fromkeys(options.tags, (built.id, whole))
        if options.save:
            _save(self._path(options.save), whole)
        return _shown(built)

    def _order(self, options: BuildOptions, cell: str) -> Order:
        from ipycontainers.building.build import Order
        from ipycontainers.building.context import Context
        from ipycontainers.building.plan import Plan, Text

        append = options.flag("append")
        text = Text.on(options.tags[0], cell) if append else Text.of(cell)
        plan = Plan.of(text, options.target)
        context = Context.of(self._path(options.context)) if options.context else Context()
        return Order(options, text, plan, context)

    def _path(self, name: str) -> Path:
        return self._containers.folder / Path(name).expanduser()

    def _whole(self, order: Order, cell: str) -> str:
        """The Dockerfile with the cells before, where they built here what this one went on from.
        A cell with directives of its own cannot stand in the middle of one."""
        base = order.base
        known, before = self._built.get(order.options.tags[0], ("", "")) if base else ("", "")
        if base and known == base and order.text.added == 1:
            return f"{before.rstrip()}\n{cell.rstrip()}\n"
        return f"{order.text.content.rstrip()}\n"


def _options(line: str, variables: dict[str, Any]) -> BuildOptions:
    """``{name}`` stands for a variable, as in %%container. Raises Invalid."""
    from ipycontainers import options as words
    from ipycontainers.building.options import parse

    return parse(words.expand(words.split(line), variables))


def _announce(context: Context, name: str) -> None:
    """A large folder, with its biggest entries first, and what of it cannot be sent."""
    from ipycontainers.building.context import LARGE
    from ipycontainers.oci.sizes import counted, size

    if context.sockets:
        print(f"left out, being sockets: {', '.join(context.sockets)}", file=sys.stderr)
    if context.size <= LARGE:
        return
    print(
        f"--context {name} has {size(context.size)} in {counted(context.files, 'file')}, "
        "which are sent to the engine. A .dockerignore leaves out what no step needs. The biggest:",
        file=sys.stderr,
    )
    for entry, count in context.biggest(BIGGEST):
        print(f"  {size(count):>8}  {entry}", file=sys.stderr)


def _print_failed(progress: Progress) -> None:
    """What the step printed that failed, at least its end."""
    from ipycontainers.widgets.build import clean

    text = clean(progress.current.output).strip("\n") if progress.current else ""
    if not text:
        return
    shown = text[-PRINTED:]
    print(f"…{shown}" if len(shown) < len(text) else shown, file=sys.stderr)


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Invalid(
            f"the image was built, but --save {path}: {reason}", "name a file in a folder that is"
        ) from error


def _shown(built: Built) -> object:
    """The image: its layers, of which those that its base has not are lit."""
    from ipycontainers.widgets.layers import ImageLayers

    return ImageLayers(built.name, lit=built.new)
