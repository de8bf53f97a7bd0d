"""Widgets: what a container is, to look at.

Knows: ipywidgets. Does not know: engines; each widget is given plain data.
"""

from __future__ import annotations
