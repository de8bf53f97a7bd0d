"""Widgets: what a container is, to look at.

Knows: nothing but its modules. Does not know: anything heavy, until it is used.
"""

from __future__ import annotations
