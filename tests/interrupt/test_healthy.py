"""Healthy sessions send what they sent before the interrupt became stages: codes, instants and the gate's edges."""

import json

import pytest

from . import healthy

BEFORE = json.loads(healthy.FILE.read_text())
QUICKER_NS = (
    7000  # the gate opens in the interrupt behind its accounts: at most by so much earlier, since it takes less
)


@pytest.mark.parametrize("name", healthy.SESSIONS)
def test_a_healthy_session_sends_what_it_always_sent(name: str) -> None:
    for output, sent in healthy.play(name).items():
        before = BEFORE[name][output]
        opened_ns = sent.pop("gate_opened_ns")
        assert sent == {key: value for key, value in before.items() if key != "gate_opened_ns"}
        assert before["gate_opened_ns"] - QUICKER_NS < opened_ns <= before["gate_opened_ns"]
