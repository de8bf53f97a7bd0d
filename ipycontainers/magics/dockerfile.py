"""``%%dockerfile -t NAME``: the cell is a Dockerfile, of which the engine makes an image.

Knows: IPython's magics, the notebook's variables and folder. Does not know: docker-py, HTTP, how
a build is read or drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, cell_magic, magics_class, needs_local_scope, no_var_expand

from ipycontainers.errors import ContainerError, EngineUnavailable, Invalid, shown_as

from .container import INTERRUPTED, REFUSED

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainers.building.build import Built, Order
    from ipycontainers.building.context import Context
    from ipycontainers.building.options import BuildOptions
    from ipycontainers.building.progress import Progress
    from ipycontainers.building.recipe import Recipe
    from ipycontainers.client import Connection

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
        self._built: dict[str, Recipe] = {}  # by the image's id

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
            from .run import interrupted

            variables["_exit_code"] = INTERRUPTED
            if hasattr(error, "_render_traceback_"):  # of the build, which says more
                raise
            raise interrupted(error) from None
        variables["_exit_code"] = 0
        return shown

    # As ``container``'s.
    dockerfile.getdoc = _help  # type: ignore[union-attr]

    def _build(self, options: BuildOptions, cell: str) -> object:
        order = self._order(options, cell)
        connection = self._containers.connect()
        _announce(order.context, options.context)
        built = self._run(connection, order)
        recipe = order.recipe.then(order.text, cell, order.arguments)
        self._built[built.id] = recipe
        if options.save:
            _save(self._path(options.save), recipe.text)
        return _shown(built)

    def _run(self, connection: Connection, order: Order) -> Built:
        from ipycontainers.building import build
        from ipycontainers.building.progress import Progress

        from .build_progress import build_progress

        options, progress = order.options, Progress(order.plan)
        title = f"Building {options.tags[0]}" if options.tags else "Building an image"
        try:
            with build_progress(self.shell, title, order.plan, progress) as view:
                built = build.run(connection, order, progress, view.watch, view.sent)
        except ContainerError as error:
            if progress.failure and not view.shows_output:
                _print_failed(progress)
            if not isinstance(error, (EngineUnavailable, Invalid)):
                error.command = options.docker_command(order.text.content)
            raise
        except KeyboardInterrupt as error:
            raise shown_as(error, f"KeyboardInterrupt: {_interrupted(connection)}") from None
        if not view.shows_output:
            print("".join(f"{one}\n" for one in progress.warnings), end="", file=sys.stderr)
        return built

    def _order(self, options: BuildOptions, cell: str) -> Order:
        from ipycontainers.building import build
        from ipycontainers.building.context import Context
        from ipycontainers.building.plan import Plan, Text
        from ipycontainers.building.recipe import Recipe

        base, recipe, text = "", Recipe(), Text.of(cell)
        if options.flag("append"):
            base = build.append_to(self._containers.connect(), options.tags[0])
            recipe = self._built.get(base, recipe)
            text = recipe.on(options.tags[0], cell)
        plan = Plan.of(text, options.target)
        context = Context.of(self._path(options.context)) if options.context else Context()
        return build.Order(options, text, plan, context, base, recipe)

    def _path(self, name: str) -> Path:
        return self._containers.folder / Path(name).expanduser()


def _options(line: str, variables: dict[str, Any]) -> BuildOptions:
    """``{name}`` stands for a variable, as in %%container. Raises Invalid."""
    from ipycontainers import options as words
    from ipycontainers.building.options import parse

    return parse(words.expand(words.split(line), variables))


def _interrupted(connection: Connection) -> str:
    said = "the build was interrupted, and no image is made of it"
    if connection.engine_name == "Podman":  # which has no call that ends it
        return f"{said}; on Podman the step that ran goes on to its end"
    return f"{said}; nothing of it runs on"


def _announce(context: Context, name: str) -> None:
    """A large folder, with its biggest entries first, and what of it cannot be sent."""
    from ipycontainers.building.context import LARGE
    from ipycontainers.oci.sizes import counted, size

    if context.sockets:
        more = len(context.sockets) - BIGGEST
        told = [*context.sockets[:BIGGEST], *([f"{more} more"] if more > 0 else [])]
        print(f"left out, being sockets: {', '.join(told)}", file=sys.stderr)
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
    text = progress.current.output.strip("\n") if progress.current else ""
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
            f"the image was built, but --save {path}: {reason}",
            "name a file in a folder that exists",
        ) from error


def _shown(built: Built) -> object:
    """The image: its layers, of which those that its base has not are lit."""
    from ipycontainers.widgets.layers import ImageLayers

    return ImageLayers(built.name, lit=built.new)
