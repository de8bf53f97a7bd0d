"""Executes notebooks and stores their outputs: ``python tests/notebooks/store.py FILE …``

The metadata are left as they are, so that a notebook says nothing about the machine
that ran it, and the parts of a stream are joined, since how it was cut is chance.

Knows: nbclient, notebook files. Does not know: what the cells do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def execute(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """The same notebook with the outputs of a run in ``folder``."""
    ran = nbformat.from_dict(notebook)
    client = NotebookClient(
        ran, timeout=120, resources={"metadata": {"path": str(folder)}}, coalesce_streams=True
    )
    client.execute()
    ran.metadata = notebook.metadata
    for cell in ran.cells:
        cell.metadata.pop("execution", None)
    return ran


def main(files: list[str]) -> None:
    for name in files:
        path = Path(name)
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(execute(notebook, path.parent), path)


if __name__ == "__main__":
    main(sys.argv[1:])
