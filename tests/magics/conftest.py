"""Kernels that many tests share: starting one takes as long as ten cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel


@pytest.fixture(scope="module")
def notebook_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def shared_kernel(
    engine: Any, tmp_path_factory: pytest.TempPathFactory, notebook_folder: Path
) -> Iterator[Kernel]:
    """A kernel for a whole file of tests; a test that ends it must use ``kernel``."""
    kernel = Kernel(
        tmp_path_factory.mktemp("kernel"),
        cwd=notebook_folder,
        env={"DOCKER_HOST": engine.candidate.address},
    )
    yield kernel
    kernel.close()


@pytest.fixture
def cell(shared_kernel: Kernel, images: Any) -> Callable[..., Any]:
    """cell("busybox", "echo hi", options="-e A=1") runs one %%container cell."""

    def run(
        image: str, body: str, *, options: str = "", words: str = "", timeout: float = 60
    ) -> Any:
        name = getattr(images, image)
        return shared_kernel.run(f"%%container {options} {name} {words}\n{body}", timeout)

    return run
