"""The instructions of one stage, one after the other: each changes the image so far.

    steps = Steps(site, made, state, source)
    steps.do(instruction)                   made.image and steps.state are those after it

An image that an earlier build made by the same step is taken instead. Where the Config alone
changes, there is no container: dockerd makes one that never runs.

Knows: what each instruction does to files and images. Does not know: other stages.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ipycontainers.engine import users, wire
from ipycontainers.engine.images import MAKER
from ipycontainers.engine.running import NO_PROGRAM
from ipycontainers.errors import ContainerError, EngineError, Invalid
from ipycontainers.oci import assembly
from ipycontainers.oci.descriptor import Descriptor

from . import copying, heredocs, running, workspace
from .context import Lazily
from .dockerfile import trigger
from .heredocs import Heredoc
from .instruction import Instruction
from .instructions import Run, State, changed, expanded, nothing, run
from .origins import Origin
from .plan import Built, Site
from .running import SHORT
from .settling import EARLIEST

EPOCH = "SOURCE_DATE_EPOCH"


class Steps:
    """One stage on its way; ``made`` is its image so far."""

    def __init__(
        self, site: Site, made: Built, state: State, source: Callable[[str], Origin]
    ) -> None:
        """``source`` gives the files that COPY --from names."""
        self._site, self._made, self.state, self._source = site, made, state, source
        self._engine, self._plan = site.engine, site.plan
        self._has_cache = site.plan.has_cache

    def triggered(self, triggers: Sequence[str]) -> None:
        """What ONBUILD of the base has left to be done."""
        if not triggers:
            return
        self._site.say(f"# Executing {len(triggers)} build trigger")
        for rest in ("s", "\n") if len(triggers) > 1 else ("\n",):
            self._site.say(rest)
        for text in triggers:
            self._site.cancelling.check()
            self.do(trigger(text))

    def do(self, instruction: Instruction) -> None:
        """One instruction."""
        if instruction.word == "RUN":
            self._run(instruction)
        elif instruction.word in ("COPY", "ADD"):
            self._copy(instruction)
        else:
            change = changed(self.state, instruction, self._plan.dockerfile.escape)
            if change.note:
                self._site.say(f"{change.note}\n")
            self.state = change.state
            words = nothing(self.state.config, instruction.word, change.comment)
            if not self._is_cached(words):
                self._pretend(words, is_folder=instruction.word == "WORKDIR")

    # --- images ----------------------------------------------------------------------------

    def _is_cached(self, words: list[str]) -> bool:
        """Whether an earlier build has done this step; from the first that none has, no more
        are looked for."""
        if not self._has_cache:
            return False
        before = self._made.image
        found = self._site.cache.find(before, self._config(words))
        if found:
            self._made.image = found  # which is kept from now on
            if self._engine.layout.has(found.manifest.digest):
                self._site.say(" ---> Using cache\n")
                return True
        self._made.image, self._has_cache = before, False
        return False

    def _config(self, words: list[str]) -> dict[str, Any]:
        return {**self.state.config, "Cmd": words}

    def _space(self) -> workspace.Workspace:
        made = self._made
        if made.space is None:
            engine, folder = self._engine, self._site.folder
            made.space = workspace.begun(engine, made.image, folder, made.base)
        return made.space

    @contextmanager
    def _holding(self) -> Iterator[None]:
        """While no image names a layer that is there, nobody takes it away."""
        with self._engine.unpacking.going_on(), self._engine.layout.hold():
            yield

    def _keep(self, layer: Descriptor | None, words: list[str], container: str) -> None:
        """The image after a step. To be held meanwhile."""
        from ipycontainers.engine.shapes import CONFIG

        before, now = self._made.image, wire.time_text(time.time())
        parent = str(before.id) if before else ""
        own = {**CONFIG, **self.state.config, "Image": parent}
        author = {"author": self.state.author} if self.state.author else {}
        fields = {
            "author": self.state.author,
            "created": now,
            "container": container,
            "container_config": {**own, "Hostname": container[:SHORT], "Cmd": words},
            "config": own,
            "docker_version": MAKER,
            "parent": parent,
        }
        step = {"created": now, **author, "created_by": " ".join(words)}
        manifest = assembly.assemble(self._engine.layout, before, layer, fields, step)
        self._made.image = self._engine.layout.add(manifest, made=True)

    def _pretend(self, words: list[str], *, is_folder: bool) -> None:
        """A step without a program, for which dockerd makes a container; here there is none."""
        container = secrets.token_hex(32)
        with self._telling(container), self._holding():
            layer = self._folder() if is_folder else None
            self._keep(layer, words, container)

    def _folder(self) -> Descriptor | None:
        """WORKDIR makes it."""
        space = self._space()
        tree, path = space.origin.tree, str(self.state.config["WorkingDir"])
        found = tree.find(tree.real(path)) if path.strip("/") else None
        if not path.strip("/") or (found and found.is_dir() and not found.is_symlink()):
            return None
        upper = space.upper(*self._times(space))
        upper.folder(upper.real(path))
        upper.finish()
        return space.keep(upper)

    def _times(self, space: workspace.Workspace) -> tuple[int, int | None]:
        """Of what is made new, and the latest that anything may have."""
        text = self.state.environment.get(EPOCH) or self._plan.arguments.get(EPOCH) or ""
        if text.isdecimal() and len(text) < 20:
            return int(text), int(text)
        return max(space.newest, EARLIEST), None

    # --- RUN -------------------------------------------------------------------------------

    def _run(self, instruction: Instruction) -> None:
        if "mount" in instruction.flags:
            raise Invalid(
                "the --mount option requires BuildKit. Refer to "
                "https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit "
                "enabled"
            )
        wanted = run(self.state, instruction)
        if not self._is_cached(wanted.history):
            self._in_container(wanted, str(instruction.flags.get("network") or ""))

    def _in_container(self, wanted: Run, network: str) -> None:
        space, site, removes = self._space(), self._site, self._plan.removes
        self._refuse(wanted, space)
        body = self._body(wanted, network)
        with (
            running.container(
                self._engine, body, space.root(), removes=removes, say=site.say
            ) as record,
            self._telling(record.id),
        ):
            moment, _ = self._times(space)
            began = time.time()
            running.run(self._engine, record, site.heard, site.cancelling)
            with self._holding():
                layer = space.keep_run(record, began, moment, take=removes[0])
                self._keep(layer, wanted.history, record.id)

    @contextmanager
    def _telling(self, container: str) -> Iterator[None]:
        """Of a container that does a step."""
        succeeded, failed = self._plan.removes
        gone = f"Removing intermediate container {container[:SHORT]}\n"
        self._site.say(f" ---> Running in {container[:SHORT]}\n")
        try:
            yield
        except ContainerError:
            if failed:
                self._site.say(gone)
            raise
        if succeeded:
            self._site.say(gone)

    def _refuse(self, wanted: Run, space: workspace.Workspace) -> None:
        """What can be known to fail before there is a container, in the words of its start."""
        program = wanted.command[0]
        words = (*wanted.command, *(self.state.config.get("Env") or ()), *wanted.arguments)
        try:
            if any("\0" in word for word in words):
                why = "no argument and no variable can have a null character in it"
                raise EngineError(f"{NO_PROGRAM}{why}")
            if self._made.image is None:
                why = f'exec: "{program}": stat {program}: no such file or directory'
                raise EngineError(f"{NO_PROGRAM}{why}")
            users.find(str(self.state.config.get("User") or ""), space.origin.tree.text)
        except ContainerError:
            with self._telling(secrets.token_hex(SHORT // 2)):
                raise

    def _body(self, wanted: Run, network: str) -> dict[str, Any]:
        """Of POST /containers/create."""
        assert self._made.image
        config, host = self.state.config, dict(self._plan.host_config)
        if network:
            host["NetworkMode"] = network
        if wanted.file:
            host["Mounts"] = [self._script(wanted.file)]
        return {
            **{key: config.get(key) for key in ("User", "WorkingDir", "Labels", "Volumes")},
            "Image": str(self._made.image.id),
            "Env": [*(config.get("Env") or ()), *wanted.arguments],
            "Cmd": wanted.command,
            "Entrypoint": [""],
            "Healthcheck": {"Test": ["NONE"]},
            "AttachStdout": True,
            "AttachStderr": True,
            "HostConfig": host,
        }

    def _script(self, document: Heredoc) -> dict[str, Any]:
        """A mount of the file that a here-document is."""
        place = self._site.folder / f"script-{secrets.token_hex(8)}"
        place.write_text(document.text, encoding="utf-8")
        place.chmod(0o755)
        target = f"{heredocs.FOLDER}/{document.name}"
        # As BuildKit has it; asked for where it is kept, else each such step would be warned of.
        read_only = "read-only" in self._engine.launcher.isolates
        return {"Type": "bind", "Source": str(place), "Target": target, "ReadOnly": read_only}

    # --- COPY and ADD ----------------------------------------------------------------------

    def _copy(self, instruction: Instruction) -> None:
        plain = expanded(instruction, self.state, self._plan.dockerfile.escape)
        order = self._order(plain)
        chown = str(plain.flags.get("chown") or "")
        mode = str(plain.flags.get("chmod") or "")
        said = f"--chmod={mode} " if mode else ""
        said += f"--chown={chown}" if chown else ""  # without a blank, as dockerd
        comment = f"{order.word} {said}{order.checksum} in {plain.arguments[-1]} "
        words = nothing(self.state.config, order.word, comment)
        if self._is_cached(words):
            return
        space = self._space()
        upper = space.upper(*self._times(space))
        owned = copying.owned(chown, mode, upper.text)
        scratch = self._site.folder / "archives"
        scratch.mkdir(exist_ok=True)
        copying.perform(order, owned, upper, scratch)
        with self._holding():
            self._keep(space.keep(upper), words, "")

    def _order(self, instruction: Instruction) -> copying.Order:
        *sources, path = instruction.arguments
        word, items = instruction.word, list[copying.Item]()
        origin = self._origin(str(instruction.flags.get("from") or ""))
        own = self._site.folder / "own"
        for source in sources:
            if word == "ADD" and copying.is_url(source):
                items.append(copying.of_url(source, path, own, self._site.cancelling))
            else:
                items += copying.of_paths(origin, source, word)
        for document in instruction.heredocs:
            items.append(copying.of_document(document.name, document.content.encode()))
        copying.check(word, items, path)
        place = copying.destination(path, str(self.state.config.get("WorkingDir") or "/"))
        return copying.Order(word, tuple(items), place)

    def _origin(self, name: str) -> Origin:
        if name:
            return self._source(name)
        context = self._plan.context
        return Origin(Lazily(context), context.told, context.owner, context.listing)
