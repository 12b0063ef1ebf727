"""Records of treatments as a board would have left them, written through the records' own writer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware.shared import faults, protocol, sites
from microcurrent.records import Records
from microcurrent.summary import commanded_mean_ua, summarize
from microcurrent.treatment import checked_second, checked_wave

DEVICE = {
    "board": "rp2040_pico",
    "uid": "e66164084312a02f",
    "firmware": "0.2.0",
    "micropython": "1.26.1",
    "manifest": "3fd1c6b8a1e90b77",
}
IMAGE = {"version": "1.26.1", "sha256": "e7052b18b6d5105c" * 4, "source": "built"}
ANSWERS = dict.fromkeys(
    ("electronics", "seizures", "cancer", "pregnancy", "heart", "surgery", "metal", "skin", "feeling", "blood"), "no"
)
SCREENING = {
    "id": "5c1e",
    "subject": "anon-7",
    "at_utc": "2026-03-01T09:58:00.000+00:00",
    "answers": ANSWERS,
    "outcome": "clear",
    "acknowledged": None,
}
LIFT = [
    ("forehead", "middle", 120, 8_000),
    ("brow", "left", 70, 10_000),
    ("brow", "right", 70, 10_000),
    ("eye_under", "left", 60, 10_000),
    ("eye_under", "right", 60, 10_000),
    ("cheek", "left", 180, 10_000),
    ("cheek", "right", 180, 10_000),
    ("nasolabial", "left", 140, 30_000),
    ("nasolabial", "right", 140, 30_000),
    ("jaw", "left", 160, 600),
    ("jaw", "right", 160, 600),
    ("chin", "middle", 100, 300),
]


@dataclass
class Plan:
    """What is to be left: places as (site, side, uA, mHz); seconds of each step; how often rows come.

    last_step: the last that begins; lift_off_in, felt_in: steps in which that happens; fault: what ends it.
    """

    places: Sequence[tuple[str, str, int, int]] = field(default_factory=lambda: list(LIFT))
    step_s: float = 30.0
    rate_hz: float = 10.0
    two_channels: bool = False
    last_step: int | None = None
    lift_off_in: tuple[int, ...] = ()
    felt_in: tuple[int, ...] = ()
    pause_in: tuple[int, ...] = ()
    fault: int = faults.NONE
    ended: str = "finished"
    texts: dict = field(default_factory=dict)
    screening: dict | None = field(default_factory=lambda: dict(SCREENING))
    calibration: str | None = None
    subject: str = "anon-7"


def leave(plan: Plan) -> str:
    """Write the record of a treatment; its id."""
    steps = [_step(plan, index, place) for index, place in enumerate(plan.places, 1)]
    programme = {
        "name": "face-lift-tone",
        "title": "Facial: lift and tone",
        "version": "1.2.0",
        "sha256": "9b1d" * 16,
        "source": "handbook of a maker of microcurrent devices, chapter 4",
        "evidence": "none found beyond the maker's own word",
        **plan.texts,
        "steps": steps,
    }
    with Records() as records:
        record = records.begin(
            steps[0]["wave"],
            DEVICE,
            port="p",
            image=IMAGE,
            load=None,
            wave2=steps[0]["wave2"],
            subject=plan.subject,
            programme=programme,
            screening=plan.screening,
            course=None,
            calibration=plan.calibration,
        )
        record.accepted({"amplitude_ua": steps[0]["amplitude_ua"], "limit_ua": steps[0]["limit_ua"], "binding": "zone"})
        summary = _Player(plan, record).play(steps)
        record.finish(plan.ended, summary)
    return record.number


def _step(plan: Plan, index: int, place: tuple[str, str, int, int]) -> dict:
    site, side, amplitude_ua, frequency_mhz = place
    zone = sites.zone_of(site) or "body"
    request = {"amplitude_ua": amplitude_ua, "frequency_mhz": frequency_mhz, "duration_ms": round(plan.step_s * 1000)}
    shape = ("square", "sine", "ramped")[index % 3]
    wave = checked_wave({**request, "shape": shape, "zone": zone})
    second = {"amplitude_ua": amplitude_ua // 2, "frequency_mhz": 40_000, "shape": "sine", "area_mm2": 100}
    began = plan.last_step is None or index <= plan.last_step
    return {
        "index": index,
        "site": site,
        "side": side,
        "zone": zone,
        "wave": wave,
        "wave2": checked_second(second, wave) if plan.two_channels else None,
        "amplitude_ua": amplitude_ua if began else 0,
        "limit_ua": 100 if zone == "eyes" else 300,
        "binding": "zone" if zone != "body" else "threshold",
        "duration_ms": wave["duration_ms"],
        "hold_ms": 4000,
        "move": "",
        "cue": "",
    }


class _Player:
    """Plays the steps into a record, as a board tells of them."""

    def __init__(self, plan: Plan, record) -> None:
        self.plan = plan
        self.record = record
        self.now_ms = 40_000
        self.seq = 0
        self.rows: list[dict[str, int]] = []
        self.rows2: list[dict[str, int]] = []

    def play(self, steps: list[dict]) -> dict:
        """All steps; the summary of the whole."""
        told, felt = [], 0
        for step in steps[: self.plan.last_step]:
            first = len(self.rows)
            index = step["index"]
            second = {"terms2": {"amplitude_ua": 50, "limit_ua": 90, "binding": "density"}} if step["wave2"] else {}
            self.record.add_event("step", {"ev": "step", "step": index, "session": 10 + index, "terms": second})
            self._play_step(step)
            self.now_ms += 3000
            own, own2 = self.rows[first:], self.rows2[first:]
            if index in self.plan.felt_in:
                felt += 1
                ua = step["amplitude_ua"]
                self.record.add_event("felt", {"ev": "felt", "from_ua": [ua], "to_ua": [ua * 4 // 5], "step": index})
            ended = "duration" if index < (self.plan.last_step or 99) else self.plan.ended
            told.append(
                {
                    **summarize(step["wave"], ended, own, step["wave2"], own2),
                    "index": index,
                    "site": step["site"],
                    "side": step["side"],
                    "device_session": 10 + index,
                    "felt": int(index in self.plan.felt_in),
                }
            )
        if self.plan.fault:
            self.record.add_event("fault", {"ev": "fault", "code": self.plan.fault, "reading": 412, "limit": 330})
        whole = summarize(steps[0]["wave"], self.plan.ended, self.rows, steps[0]["wave2"], self.rows2)
        return {**whole, "steps": told, "felt": felt, "paused_ms": 20_000 * len(self.plan.pause_in)}

    def _play_step(self, step: dict) -> None:
        wave, index = step["wave"], step["index"]
        count = round(self.plan.step_s * self.plan.rate_hz)
        gap_ms = 1000 / self.plan.rate_hz
        level = [wave["amplitude_ua"], (step["wave2"] or {}).get("amplitude_ua", 0)]
        moved_nc = [0.0, 0.0]
        lift_offs = 0
        for number in range(count):
            at_ms = round(number * gap_ms)
            if index in self.plan.felt_in and number == count // 2:
                level = [ua * 4 // 5 for ua in level]
            lost = index in self.plan.lift_off_in and count // 3 <= number < count // 3 + max(2, count // 20)
            lift_offs += lost and number == count // 3
            if index in self.plan.pause_in and number == count // 2:
                self._pause(index, at_ms, lift_offs, moved_nc)
            found = [self._row(step, c, at_ms, level[c], lost, lift_offs, moved_nc) for c in (0, 1)]
            self._keep(found)

    def _row(self, step, channel, at_ms, level_ua, lost, lift_offs, moved_nc) -> dict[str, int]:
        wave = step["wave2"] if channel else step["wave"]
        index = step["index"]
        if wave is None:
            return {}
        ramp = min(1.0, at_ms / 2000, (self.plan.step_s * 1000 - at_ms) / 2000)
        skin_ohm = (14_000 - 350 * index) * (0.72 + 0.28 * math.exp(-at_ms / 9000)) * (0.6 if channel else 1)
        skin_ohm += 120 * math.sin(at_ms / 370)
        commanded_ua = 8 if lost else round(level_ua * ramp)
        delivered_ua = round(commanded_mean_ua(wave, commanded_ua) * (0.99 + 0.008 * math.sin(at_ms / 510)))
        gap_ms = 1000 / self.plan.rate_hz
        moved_nc[channel] += delivered_ua * gap_ms
        phases = int(at_ms * 2 * wave["frequency_mhz"] / 1_000_000)
        state = protocol.ACTIVE if ramp == 1 else protocol.RAMP_UP if at_ms < 2000 else protocol.RAMP_DOWN
        last_fault = (
            self.plan.fault if index == self.plan.last_step and at_ms + gap_ms >= self.plan.step_s * 1000 else 0
        )
        return {
            **dict.fromkeys(protocol.TELEMETRY_FIELDS, 0),
            "time_ms": round(self.now_ms),
            "session": 10 + index,
            "state": protocol.FAULT if last_fault else state,
            "elapsed_ms": at_ms,
            "commanded_ua": commanded_ua,
            "delivered_ua": delivered_ua,
            "peak_ua": commanded_ua + 2,
            "electrode_mv": round(commanded_ua * skin_ohm / 1000),
            "headroom_mv": 7000,
            "impedance_ohm": -1 if lost else round(skin_ohm),
            "contact": protocol.CONTACT_OPEN if lost else protocol.CONTACT_GOOD,
            "phase_charge_nc": 1500,
            "net_charge_nc": round(300 * math.sin(at_ms / 4000)),
            "total_charge_nc": round(moved_nc[channel]),
            "phases": phases,
            "full_phases": max(0, phases - 8 - 20 * lift_offs) if phases > 8 else 0,
            "samples": at_ms * 10,
            "series_ohm": 505,
            "lift_offs": lift_offs,
            "sensing": int(lost),
            "temperature_c": 31,
            "supply_mv": 12_010,
            "fault": last_fault,
            "worst_cycles": 2100,
        }

    def _pause(self, index: int, at_ms: int, lift_offs: int, moved_nc: list[float]) -> None:
        """Twenty seconds without current."""
        for _number in range(20):
            still = {
                **dict.fromkeys(protocol.TELEMETRY_FIELDS, 0),
                "time_ms": round(self.now_ms),
                "session": 10 + index,
                "state": protocol.PAUSED,
                "elapsed_ms": at_ms,
                "impedance_ohm": -1,
                "lift_offs": lift_offs,
                "supply_mv": 12_010,
                "temperature_c": 31,
            }
            both = [{**still, "total_charge_nc": round(moved)} for moved in moved_nc]
            self._keep(both if self.plan.two_channels else [both[0], {}])
            self.now_ms += 1000 - 1000 / self.plan.rate_hz

    def _keep(self, found: list[dict[str, int]]) -> None:
        self.rows.append(found[0])
        if found[1]:
            self.rows2.append(found[1])
        self.record.add_telemetry(self.seq, found[0], found[1] or None)
        self.seq += 1
        self.now_ms += 1000 / self.plan.rate_hz
        if self.seq % 20_000 == 0:
            self.record.flush()
