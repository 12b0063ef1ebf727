"""Reading what can still be read of a damaged table: from both ends, then whatever lies between damaged places."""

import sqlite3
from collections.abc import Iterator, Sequence

ATTEMPTS = 5000  # of one table, or of one session's rows, that may fail before the rest of it is given up
_AFTER_LARGEST = 2**62


class Salvage:
    """The rows of one table whose integer column `key` is its order. `failed` counts places that cannot be read.

    where: a condition with one ?, for which `value` stands; only these rows. largest: no key is expected to be larger.
    """

    def __init__(
        self, db: sqlite3.Connection, table: str, columns: Sequence[str], key: str, where: str, value: str, largest: int
    ) -> None:
        self.failed = 0
        self._db = db
        self._key = key
        self._value = value
        self._largest = largest
        names = ", ".join(f'"{name}"' for name in columns)
        self._query = f"SELECT {key}, {names} FROM {table} WHERE {where} AND {key} BETWEEN ? AND ? ORDER BY {key}"

    def rows(self) -> Iterator[tuple]:
        """All rows that can be read, the key before their columns; not always in order."""
        last = -_AFTER_LARGEST
        for row in self._scan(-_AFTER_LARGEST, _AFTER_LARGEST):
            last = row[0]
            yield row
        if not self.failed:
            return
        first = self._largest + 1
        for row in self._scan(last + 1, _AFTER_LARGEST, " DESC"):
            first = row[0]
            yield row
        yield from self._between(max(last + 1, -1), first - 1)

    def _between(self, low: int, high: int) -> Iterator[tuple]:
        """Halves of a range that cannot be read, and halves of those, as long as there is hope."""
        waiting = [(low, high)]
        while waiting and self.failed < ATTEMPTS:
            low, high = waiting.pop()
            if low > high:
                continue
            before, last = self.failed, low - 1
            for row in self._scan(low, high):
                last = row[0]
                yield row
            if self.failed > before and last + 1 < high:
                middle = (last + 1 + high) // 2
                waiting += [(middle + 1, high), (last + 1, middle)]

    def _scan(self, low: int, high: int, order: str = "") -> Iterator[tuple]:
        """Rows up to the first that cannot be read."""
        try:
            yield from self._db.execute(self._query + order, (self._value, low, high))
        except (sqlite3.DatabaseError, UnicodeDecodeError):  # the second: SQLite's message holds what is no text
            self.failed += 1
