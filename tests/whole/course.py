"""One programme from its download to its end on the virtual Pico, with the scripted hand of tests/hil."""

import os
import tempfile
import traceback
from typing import Any

from boards.rp2040_pico import board as pico_board
from boards.rp2040_pico_dual import board as dual_board
from microcurrent.build import build_firmware
from microcurrent.image.resolver import resolve_image
from microcurrent.programme import Programme
from microcurrent.programme_library import Library
from microcurrent.records import Records
from tests.hil.conftest import Bench, made_bench
from tests.hil.test_treatments import Hand, judge, treat

_BOOT_MS = 2800


def run(name: str) -> tuple[str, tuple[str, ...], str]:
    """Name, row of the table, and what went wrong."""
    try:
        return name, _ran(Library("/nowhere").load(name)), ""
    except Exception:
        return name, (), traceback.format_exc(limit=-3)


def _ran(programme: Programme) -> tuple[str, ...]:
    board = dual_board if programme.channels == 2 else pico_board
    bench = made_bench(resolve_image().path, build_firmware(board.BOARD).files, {"board": board})
    bench.pico.open_port()
    bench.pico.run_for_ms(_BOOT_MS)
    bench.pico.serial_read()
    bench.client.hello()
    hand = Hand(bench, len(programme.steps))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MICROCURRENT_RUNTIME_DIR"] = f"{folder}/run"
        with Records(f"{folder}/data") as records:
            treated = treat(bench, records, programme, hand)
            judge(treated, hand, programme)
            _holds(bench, records, treated.number)
    return _row(programme, treated.summary["steps"])


def _holds(bench: Bench, records: Records, number: str) -> None:
    """The record has every row, and the output is off."""
    seqs = [row["seq"] for row in records.telemetry(number)]
    assert seqs == sorted(set(seqs)) and records.verify().problems == []
    status = bench.request("status")
    assert (status["state"], status["gate"]) == ("READY", 0)


def _row(programme: Programme, steps: list[dict[str, Any]]) -> tuple[str, ...]:
    channels = [steps] + ([[step["channel2"] for step in steps]] if programme.channels == 2 else [])
    delivered = [
        f"{_mean(each, 'delivered_mean_ua'):.0f} / {_mean(each, 'commanded_mean_ua'):.0f}" for each in channels
    ]
    full = [sum(step["full_phases"] for step in each) / sum(step["phases"] for step in each) for each in channels]
    return (
        programme.name,
        str(len(steps)),
        f"{sum(step['elapsed_ms'] for step in steps) / 60000:.1f}",
        ", ".join(delivered),
        ", ".join(f"{sum(step['total_charge_nc'] for step in each) / 1000:.0f}" for each in channels),
        ", ".join(f"{share:.1%}" for share in full),
        str(sum(step["lift_offs"] for each in channels for step in each)),
        str(sum(step["samples"] for step in steps)),
        str(sum(step["missed"] for step in steps)),
    )


def _mean(steps: list[dict[str, Any]], key: str) -> float:
    return sum(step[key] for step in steps) / len(steps)
