"""Boards that are booted once per process."""

import pytest

from .campaign import Campaign


@pytest.fixture(scope="session")
def campaign() -> Campaign:
    """The campaign with its usual seed."""
    return Campaign()
