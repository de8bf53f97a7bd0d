"""One module per notebook: what is expected on this engine, and what its checks look at.

Knows: engines, by ``Lab`` and what stands below it. Does not know: words.
"""

from __future__ import annotations
