"""A board is plain memory: a forked process goes on from where it stands, at the price of what it runs."""

import gc
import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from selectors import EVENT_READ, DefaultSelector
from typing import Any, NoReturn

_HANG_S = 300  # ours: no single child runs that long; a hang must not hold up the campaign


class Child:
    """A forked process seen from its parent: it sends values as JSON lines."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self.pipe = pipe
        self._pending = b""

    def read(self) -> list[Any] | None:
        """Values that have arrived; None at the end. Waits for the first byte."""
        data = os.read(self.pipe, 1 << 16)
        *lines, self._pending = (self._pending + data).split(b"\n")
        return [json.loads(line) for line in lines] if data else None

    def close(self) -> list[Any]:
        """Wait until it has ended; a dict with "crash" if it did not end well."""
        os.close(self.pipe)
        _pid, status = os.waitpid(self.pid, 0)
        return [{"crash": f"a forked process ended with status {status}"}] if status else []

    def last(self) -> Any:
        """The last value it sends before it ends, or what close() says of its end."""
        values: list[Any] = []
        while (arrived := self.read()) is not None:
            values += arrived
        return (values + self.close())[-1]


def split() -> Child | int:
    """Fork: the parent gets the child, the child gets the pipe that serve() writes to."""
    gc.freeze()  # the collector would touch, and so copy, every page
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading)
    os.close(reading)
    return writing


def serve(work: Callable[[], Iterator[Any]], pipe: int, hang_s: int = _HANG_S) -> NoReturn:
    """Send every value that `work` yields, and end the process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(hang_s)
    try:
        with os.fdopen(pipe, "w") as lines:
            for value in work():
                lines.write(json.dumps(value) + "\n")
                lines.flush()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _child(work: Callable[[], Iterator[Any]], hang_s: int) -> Child:
    side = split()
    return side if isinstance(side, Child) else serve(work, side, hang_s)


def forked(work: Callable[[], Any]) -> Any:
    """What `work()` returns in a forked process; a dict with "crash" when it died."""

    def once() -> Iterator[Any]:
        yield work()

    return _child(once, _HANG_S).last()


def spread(jobs: Sequence[Callable[[], Iterator[Any]]], workers: int) -> Iterator[Any]:
    """The values of all jobs as they come, at most `workers` of them running at a time, in the order given."""
    waiting = list(jobs)
    with DefaultSelector() as selector:
        while waiting or selector.get_map():
            while waiting and len(selector.get_map()) < workers:
                child = _child(waiting.pop(0), 100 * _HANG_S)
                selector.register(child.pipe, EVENT_READ, child)
            for ready, _events in selector.select():
                child: Child = ready.data
                values = child.read()
                if values is None:
                    selector.unregister(child.pipe)
                    values = child.close()
                yield from values
