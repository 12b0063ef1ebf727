"""Runs on MicroPython: every test_* function of a case module, one line of verdict each."""

import gc
import sys


def run(name):
    """Import module `name` and print "PASS name" or "FAIL name" with the traceback before it, then "END"."""
    module = __import__(name)
    for entry in sorted(dir(module)):
        if not entry.startswith("test_"):
            continue
        try:
            getattr(module, entry)()
            print("PASS", entry)
        except Exception as error:
            sys.print_exception(error)
            print("FAIL", entry)
        gc.collect()
    print("END")
