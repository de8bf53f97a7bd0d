"""Builds of one Dockerfile of ten steps on Debian, by our engine and by dockerd.

Cold, no step is in the cache; cached, all are. What a build has made is removed before the next
one, which is not timed. No step has a network, as in the other figures.

Knows: docker-py. Does not know: how an engine builds.
"""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any

from docker.errors import NotFound
from layers import file, tar

from .figure import Side

TAG = "benchmarks/built"
STEPS = """\
FROM {image}
LABEL org.opencontainers.image.title=service
ENV LANG=C.UTF-8 APP=/srv/app
WORKDIR /srv/app
COPY requirements.txt ./
RUN groupadd --gid 4242 web && useradd --uid 4242 --gid web --create-home web
COPY app/ app/
RUN perl -e 'for (glob "app/*") {{ print "$_ ", -s, "\\n" }}' > manifest && chmod 640 manifest
EXPOSE 8000
CMD ["perl", "app/main.pl"]
"""
FILES, EACH = 50, 2000  # files of the program, and bytes of each


def side(client: Any, image: str, *, cached: bool) -> Side:
    context = _context(image)
    if cached:
        _build(client, context, cached=True)

    def run() -> float:
        start = time.perf_counter()
        said = _build(client, context, cached=cached)
        took = time.perf_counter() - start
        assert said.count("Using cache") == (9 if cached else 0), said
        if not cached:
            client.api.remove_image(TAG)
        return took * 1000

    return run


def remove(client: Any) -> None:
    """What the cached ones have left."""
    with contextlib.suppress(NotFound):
        client.api.remove_image(TAG)


def _build(client: Any, context: bytes, *, cached: bool) -> str:
    told = client.api.build(
        fileobj=io.BytesIO(context),
        custom_context=True,
        tag=TAG,
        nocache=not cached,
        rm=True,
        decode=True,
        network_mode="none",
    )
    said = "".join(str(one.get("stream", one.get("error", ""))) for one in told)
    assert "Successfully tagged" in said, said
    return said


def _context(image: str) -> bytes:
    files = {"Dockerfile": STEPS.format(image=image).encode(), "requirements.txt": b"none==1.0\n"}
    files |= {f"app/{number}.pl": b"x" * EACH for number in range(FILES)}
    files["app/main.pl"] = b'print "hello\\n";\n'
    return tar(*(file(name, content) for name, content in files.items()))
