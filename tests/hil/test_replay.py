"""A run that was recorded is compared with the emulated one: what is the same is found so, what is not is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from microcurrent.errors import BadValueError, RefusedError

from . import replay
from .conftest import DECLARED, Bench, Device
from .recording import Recording

LOAD = "10k"
WAVE: dict[str, Any] = {"amplitude_ua": 300, "duration_ms": 600, "ramp_ms": 100}


def session_of(bench: Bench, path: Path, load: str = LOAD) -> None:
    """A session, a refusal and a stop, recorded as tests/hil does it on a board."""
    recording = Recording(str(path))
    bench.pico.set_load(load)
    recording.head(bench.client.identity, bench.request("config")["set"], None)
    plain = bench.client.transport
    bench.client.transport = recording.of(plain, "one")
    ran = Device(bench.client).run(**WAVE)
    assert ran.reason == "duration"
    with pytest.raises(RefusedError):
        bench.start(amplitude_ua=601)
    bench.start(duration_ms=60_000, ramp_ms=100)
    bench.wait_ms(600)
    bench.request("status")
    bench.request("stop")
    bench.wait_ms(200)
    bench.client.transport = plain
    recording.close()


def test_a_run_is_as_emulated_and_on_another_load_it_is_not(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    session_of(bench, path)
    run = replay.load(path)
    assert run.settings == bench.request("config")["set"] and run.settings["area_mm2"] == DECLARED["area_mm2"]
    assert replay.compared(run, "one", LOAD) == []
    differing = replay.compared(run, "one", "2k")
    assert differing and all("impedance_ohm is" in sentence for sentence in differing), differing
    otherwise(bench, path)
    found = " ".join(replay.compared(replay.load(path), "one", LOAD) or [])
    for what in ("granted as recorded, refused (limit", "delivered_ua is", "it lasted", "RAMP_DOWN' as emulated"):
        assert what in found, (what, found)


def otherwise(bench: Bench, path: Path) -> None:
    """A refusal that was none, a current that was half, a time that was longer, an event that is missing."""
    head, *entries = [json.loads(line) for line in path.read_text().splitlines()]
    for message in [entry.get("from", {}) for entry in entries]:
        if message.get("err") == "limit":
            message.update(ok=True, data={})
        if "t" in message:
            message["t"][bench.field("delivered_ua")] //= 2
            message["t"][bench.field("elapsed_ms")] += 400
    entries = [entry for entry in entries if entry.get("from", {}).get("to") != "RAMP_DOWN"]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in (head, *entries)))


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for text in ("", "{}", '{"identity": 1}', "x"):
        path.write_text(text)
        with pytest.raises(BadValueError, match="is no recording of a run"):
            replay.load(path)
