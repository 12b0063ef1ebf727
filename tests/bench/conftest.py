"""A virtual Pico at its prompt, without our firmware: what the bench itself does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microcurrent.bench.compiled import fast_core
from microcurrent.bench.pico import VirtualPico

from .python_on import boot

MakePico = Callable[..., VirtualPico]
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
