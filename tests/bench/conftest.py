"""A virtual Pico at its prompt, without our firmware: what the bench itself does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from microcurrent.bench.compiled import fast_core
from microcurrent.bench.options import ServerOptions
from microcurrent.bench.pico import VirtualPico
from microcurrent.bench.process import SimProcess, start_sim

from .python_on import boot

MakePico = Callable[..., VirtualPico]
Start = Callable[..., SimProcess]
collect_ignore = [] if fast_core else ["test_burst.py"]  # without a C compiler there is no burst to compare


@pytest.fixture
def make(image: Path) -> MakePico:
    """Make a virtual Pico that has not run yet; keywords go to VirtualPico."""

    def made(**keywords: Any) -> VirtualPico:
        return VirtualPico(image, **keywords)

    return made


@pytest.fixture
def pico(make: MakePico) -> VirtualPico:
    """A virtual Pico at its prompt."""
    return boot(make())


@pytest.fixture
def start(image: Path) -> Iterator[Start]:
    """Start virtual Picos that end with the test."""
    started: list[SimProcess] = []

    def started_sim(**options: Any) -> SimProcess:
        started.append(start_sim(ServerOptions(str(image), **options)))
        return started[-1]

    yield started_sim
    for sim in started:
        sim.stop()
