"""A value that changes at instants: what it is, and what it was when."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Timeline(Generic[T]):
    """`value` is the present one; `edges` are (t_ns, value), first the one from power-on. Changes are rare."""

    def __init__(self, value: T) -> None:
        self.value = value
        self.edges: list[tuple[float, T]] = [(0.0, value)]
        self._changed_ns = 0.0

    def put(self, t_ns: float, value: T) -> None:
        """The value from `t_ns` on, which must not be before the last change."""
        if value != self.value:
            self.value, self._changed_ns = value, t_ns
            self.edges.append((t_ns, value))

    def at(self, t_ns: float) -> T:
        """The value at an instant, past or present."""
        if t_ns >= self._changed_ns:
            return self.value
        index = len(self.edges) - 1
        while index and self.edges[index][0] > t_ns:
            index -= 1
        return self.edges[index][1]

    def forget(self, before_ns: float) -> None:
        """Keep no more of the past than is needed from `before_ns` on."""
        while len(self.edges) > 1 and self.edges[1][0] <= before_ns:
            del self.edges[0]
