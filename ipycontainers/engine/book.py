"""Which containers there are, and which name is whose.

Knows: records, names. Does not know: the disk, processes. Safe to use from several threads.
"""

from __future__ import annotations

import threading

from ipycontainers.errors import Conflict, Invalid, NotFound

from . import creation
from .record import Record


class Book:
    """All records of an engine, those that are being made or removed too."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self.lock = threading.Lock()

    def records(self) -> list[Record]:
        """For who holds ``lock``."""
        return list(self._records.values())

    def newest_first(self) -> list[Record]:
        with self.lock:
            found = list(self._records.values())
        return sorted(found, key=lambda record: -record.created)

    def find(self, name: str) -> Record:
        """By id, name, or the beginning of an id. Raises NotFound."""
        with self.lock:
            if name in self._records:
                return self._records[name]
            plain = name.removeprefix("/")
            for record in self._records.values():
                if record.name == plain:
                    return record
            starting = [key for key in self._records if plain and key.startswith(plain)]
            if len(starting) == 1:
                return self._records[starting[0]]
        raise NotFound(f"No such container: {name}")

    def put(self, record: Record) -> None:
        """One that was found on the disk."""
        with self.lock:
            self._records[record.id] = record

    def add(self, record: Record) -> None:
        """With a name of its own where it has none. Raises Conflict for one that is taken."""
        with self.lock:
            owners = self._owners()
            if record.name in owners:
                raise Conflict(_taken(record.name, owners[record.name]))
            record.name = record.name or creation.new_name(owners.__contains__)
            self._records[record.id] = record

    def forget(self, record: Record) -> None:
        with self.lock:
            self._records.pop(record.id, None)

    def rename(self, record: Record, name: str) -> str:
        """The old name. Raises Conflict, Invalid."""
        if not name:
            raise Invalid("Neither old nor new names may be empty")
        try:
            name = creation.check_name(name)
        except Invalid as error:
            said = error.message.replace(f"({name})", f"(/{name.removeprefix('/')})")
            raise Invalid(f"Error when allocating new name: {said}") from error
        with record.lock, self.lock:
            owners, old = self._owners(), record.name
            if name == old:
                raise Invalid("Renaming a container with the same name as its current name")
            if name in owners:
                raise Conflict(f"Error when allocating new name: {_taken(name, owners[name])}")
            record.change(name=name)
        return old

    def _owners(self) -> dict[str, str]:
        return {record.name: record.id for record in self._records.values()}


def _taken(name: str, owner: str) -> str:
    return (
        f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
