"""How long, as people read it.

Knows: seconds. Does not know: what takes so long.
"""

from __future__ import annotations

UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Of two units at most.

    >>> duration(0.0034), duration(2.44), duration(59), duration(80), duration(200000)
    ('3 ms', '2.4 s', '59 s', '1 min 20 s', '2 d 7 h')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    left, words = round(seconds), list[str]()
    for name, length in UNITS:
        count, left = divmod(left, length)
        if count:
            words.append(f"{count} {name}")
    return " ".join(words[:2])
