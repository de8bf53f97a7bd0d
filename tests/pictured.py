"""Images for what is shown of images: every kind of change, names of all sorts, many files.

    with pictured.loaded(docker) as (one, two): …           names of two images that share layers

Knows: layers. Does not know: widgets, which engine.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

from images import architecture
from layers import Made, file, folder, image_archive, link, tar

HOSTILE = "<img src=x onerror=alert(1)>"
# Others may test on this engine too, and take theirs away.
ONE, TWO = (f"ipycontainers-test/pictured-{os.getpid()}:{number}" for number in (1, 2))
MANY = 3000
CREATED = "2025-01-01T00:00:00Z"
BASE = tar(
    folder("bin"),
    file("bin/tool", b"\x7fELF" + bytes(400_000), mode=0o755),
    link("bin/sh", "tool"),
    folder("etc"),
    file("etc/motd", b"hello\nold\n" + b"x\n" * 50_000),
    file("etc/gone", b"g" * 20_000, uid=1000, gid=42),
    folder("usr"),
    folder("usr/share"),
    *(file(f"usr/share/{name}", b"." * size) for name, size in (("a", 90_000), ("b", 60_000))),
)
CHANGED = tar(
    file("etc/motd", b"hello\nnew\n" + b"x\n" * 50_000),
    file("etc/.wh.gone"),
    file(HOSTILE, b"<b>inert</b>\n"),
    file("caf\udce9", b"1"),
    file("a\nb", b"2"),
    file("line\u202egnp.txt", b"3"),
)
FILES = tar(
    folder("srv"),
    folder("srv/many"),
    *(file(f"srv/many/{number:05}", b"m" * (number % 50)) for number in range(MANY)),
)
OTHER = tar(file("etc/motd", b"hello\nother\n" + b"x\n" * 50_000), file("etc/extra", b"more\n"))


def history(*steps: str) -> list[dict[str, Any]]:
    """A line for each; those that begin with # are metadata only."""
    return [
        {"created": CREATED, "created_by": step.lstrip("# "), "empty_layer": step.startswith("#")}
        for step in steps
    ]


def archives() -> dict[str, bytes]:
    """By name, as docker save writes them."""
    config: dict[str, Any] = {
        "architecture": architecture(),
        "created": CREATED,
        "config": {"Cmd": ["sh"], "Env": ["A=b"], "Labels": {"maker": "<b>x</b>"}},
    }
    first = history(
        "/bin/sh -c #(nop) ADD file:1 in / ",
        "# /bin/sh -c #(nop)  ENV A=b",
        "/bin/sh -c echo new > /etc/motd && rm /etc/gone",
    )
    of_one = [*first, *history("COPY many /srv/many # buildkit", '# CMD ["sh"]')]
    of_two = [*first, *history("RUN /bin/sh -c echo other > /etc/motd # buildkit")]
    one = Made([BASE, CHANGED, FILES], config={**config, "history": of_one})
    container = {**config["config"], "Env": ["A=b", "C=d"], "User": "daemon"}
    of_other = {**config, "config": container, "history": of_two}
    two = Made([BASE, CHANGED, OTHER], config=of_other)
    return {ONE: image_archive(one, [ONE]), TWO: image_archive(two, [TWO])}


@contextlib.contextmanager
def loaded(docker: Any) -> Iterator[tuple[str, str]]:
    """The names, as long as the block lasts."""
    for archive in archives().values():
        said = list(docker.api.load_image(archive))
        assert "error" not in json.dumps(said), said
    yield ONE, TWO
    for name in (ONE, TWO):
        docker.api.remove_image(name, force=True)
