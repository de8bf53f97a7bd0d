"""Not there: each process that imports nbformat would read its grammar for two seconds, to judge
international addresses, of which a notebook has none."""

from __future__ import annotations

raise ImportError("left out of tests")
