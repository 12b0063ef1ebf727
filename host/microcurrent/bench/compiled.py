"""`fast_core`: the compiled inner loop of the bench where build_core.sh has made it, else None (slower, same results)."""

from importlib import import_module
from typing import Any


def _compiled() -> Any:
    try:
        return import_module("microcurrent.bench.fast_core")
    except ImportError:
        return None


fast_core = _compiled()
