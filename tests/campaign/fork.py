"""A board is plain memory: a forked process goes on from where it stands, at the price of what it runs."""

import gc
import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from selectors import EVENT_READ, DefaultSelector
from typing import Any

_HANG_S = 300  # ours: no single child runs that long; a hang must not hold up the campaign


class Child:
    """A forked process that runs `work` and sends every value it yields, as JSON lines."""

    def __init__(self, work: Callable[[], Iterator[Any]], hang_s: int) -> None:
        gc.freeze()  # the collector would touch, and so copy, every page
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            _serve(work, writing, hang_s)
        os.close(writing)
        self.pipe = reading
        self._pending = b""

    def read(self) -> tuple[list[Any], bool]:
        """(values that have arrived, whether it has ended). Waits for the first byte."""
        data = os.read(self.pipe, 1 << 16)
        *lines, self._pending = (self._pending + data).split(b"\n")
        if not data:
            os.close(self.pipe)
            _pid, status = os.waitpid(self.pid, 0)
            if status:
                lines.append(json.dumps({"crash": f"a forked process ended with status {status}"}).encode())
        return [json.loads(line) for line in lines], not data


def _serve(work: Callable[[], Iterator[Any]], writing: int, hang_s: int) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(hang_s)
    try:
        with os.fdopen(writing, "w") as pipe:
            for value in work():
                pipe.write(json.dumps(value) + "\n")
                pipe.flush()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def forked(work: Callable[[], Any]) -> Any:
    """What `work()` returns in a forked process; a dict with "crash" when it died."""

    def once() -> Iterator[Any]:
        yield work()

    child = Child(once, _HANG_S)
    values: list[Any] = []
    ended = False
    while not ended:
        arrived, ended = child.read()
        values += arrived
    return values[-1]


def spread(jobs: Sequence[Callable[[], Iterator[Any]]], workers: int) -> Iterator[Any]:
    """The values of all jobs as they come, at most `workers` of them running at a time, in the order given."""
    waiting = list(jobs)
    with DefaultSelector() as selector:
        while waiting or selector.get_map():
            while waiting and len(selector.get_map()) < workers:
                child = Child(waiting.pop(0), 100 * _HANG_S)
                selector.register(child.pipe, EVENT_READ, child)
            for ready, _events in selector.select():
                values, ended = ready.data.read()
                yield from values
                if ended:
                    selector.unregister(ready.fd)
