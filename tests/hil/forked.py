"""Runs a test in a fork of this process: it starts from what is booted here, and leaves nothing behind.

pytest-forked does the same, but cannot carry the reports of pytest 9 back.
"""

import os
import pickle
import signal
from typing import BinaryIO

import pytest
from _pytest.runner import runtestprotocol


def run(item: pytest.Item) -> list[pytest.TestReport]:
    """Set-up, call and tear-down of a test in a child; its reports, or one of a failure when the child dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        status = 1
        try:
            with os.fdopen(writing, "wb") as pipe:
                _report(item, pipe)
            status = 0
        finally:
            os._exit(status)  # without the parent's clean-up
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        sent = pipe.read()
    _pid, status = os.waitpid(child, 0)
    if status:
        return [_died(item, status)]
    hook = item.config.hook
    return [hook.pytest_report_from_serializable(config=item.config, data=data) for data in pickle.loads(sent)]


def _report(item: pytest.Item, pipe: BinaryIO) -> None:
    hook = item.config.hook
    reports = runtestprotocol(item, log=False, nextitem=None)
    pickle.dump([hook.pytest_report_to_serializable(config=item.config, report=report) for report in reports], pipe)


def _died(item: pytest.Item, status: int) -> pytest.TestReport:
    how = f"signal {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else f"wait status {status}"
    call = pytest.CallInfo.from_call(lambda: pytest.fail(f"the test's process ended by {how}", pytrace=False), "call")
    return pytest.TestReport.from_item_and_call(item, call)
