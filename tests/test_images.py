"""The test images are what their names promise."""

from __future__ import annotations

from typing import Any

import pytest
from docker.errors import APIError


def _run(engine: Any, image: str, *command: str) -> str:
    output = engine.docker.containers.run(image, list(command) or None, remove=True)
    return output.decode()


def test_busybox_is_a_shell_with_applets(engine: Any, images: Any) -> None:
    assert _run(engine, images.busybox, "sh", "-c", "id -un; ls -ld /tmp | cut -c1-10") == (
        "root\ndrwxrwxrwt\n"
    )


def test_noshell_runs_its_program_and_has_no_shell(engine: Any, images: Any) -> None:
    assert _run(engine, images.noshell, "awk", "BEGIN { print 6 * 7 }") == "42\n"
    container = engine.docker.containers.create(images.noshell, ["sh"])
    try:
        with pytest.raises(APIError, match="not found"):
            container.start()
    finally:
        container.remove(force=True)


def test_debian_has_bash_and_perl_and_no_python(engine: Any, images: Any) -> None:
    script = "perl -e 'print 1 + 1'; type -t python3 || echo $BASH_VERSION | cut -c1-2"
    assert _run(engine, images.debian, "bash", "-c", script) == "25.\n"


def test_python_runs_by_both_names(engine: Any, images: Any) -> None:
    assert _run(engine, images.python, "python", "-c", "import ssl; print(1)") == "1\n"
    assert _run(engine, images.python, "python3", "-c", "print('é')") == "é\n"
    inspected = engine.docker.images.get(images.python).attrs["Config"]
    assert inspected["Cmd"] == ["python3"]


def test_plain_names_come_and_go(engine: Any, images: Any) -> None:
    import images as recipes

    names = {tag for one in engine.docker.api.images() for tag in one["RepoTags"] or ()}
    undo = recipes.ensure_plain(engine.docker)
    assert engine.docker.images.get("python:3-slim")
    undo()
    assert {tag for one in engine.docker.api.images() for tag in one["RepoTags"] or ()} >= names
