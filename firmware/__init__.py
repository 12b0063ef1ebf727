"""The device side of microcurrent: runs on MicroPython; `shared` and `core` also run on CPython."""
