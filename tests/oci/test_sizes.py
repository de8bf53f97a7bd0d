"""Bytes in the docker command's words."""

from __future__ import annotations

from ipycontainers.oci.sizes import size


def test_sizes_are_go_units() -> None:
    assert [size(it) for it in (0, 999, 1000, 1_983_456, 10**9)] == [
        "0B", "999B", "1kB", "1.983MB", "1GB",
    ]  # fmt: skip
    assert size(1234567, 3) == "1.23MB"
    assert size(1536, binary=True) == "1.5KiB"
