"""Names in the order in which the docker command lists them."""

from __future__ import annotations

from ipycontainers.commands.natural import order

# As `docker volume ls` of 20.10 lists them.
LISTED = ["5b0d", "6c1d", "06ba", "007", "49c4", "656f", "ab", "ab2", "ab02", "ab10", "b"]


def test_numbers_go_by_their_value_and_then_by_their_zeros() -> None:
    assert sorted(set(LISTED), key=order) == LISTED
