"""`fast_core`: the inner loop as build_core.sh has compiled it, or None where it could not (slower, same results)."""

from importlib import import_module
from typing import Any


def _compiled() -> Any:
    try:
        return import_module("microcurrent.bench.fast_core")
    except ImportError:
        return None


fast_core = _compiled()
