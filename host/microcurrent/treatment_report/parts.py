"""What a report tells of each step, one part per step and channel. A plain session is one step without a site."""

from dataclasses import dataclass

from firmware.shared import waveform

from ..record_reader import RUNNING
from ..summary import NOTHING, commanded_mean_ua, summarize
from .series import Point, StepRows, Timeline, impedance_course
from .texts import whole

NOT_BEGUN = "not begun"
_SHARE_OF = 10_000


@dataclass(frozen=True)
class Part:
    """One step on one channel.

    index: 1.., None in a plain session. figures: of summarize(), empty when no current flowed. granted_ua, limit_ua:
    None when the device never said. course: impedance in ohm over the step.
    """

    index: int | None
    site: str
    side: str
    channel: int
    wave: dict
    granted_ua: int | None
    limit_ua: int | None
    binding: str
    figures: dict
    ended: str
    felt: int
    line: Timeline
    course: list[Point]

    def figure(self, name: str) -> int | None:
        """A figure of the summary; None where there is none."""
        return whole(self.figures.get(name))

    @property
    def mean_share(self) -> float:
        """Mean of |current| over a phase, divided by its peak."""
        return commanded_mean_ua(self.wave, _SHARE_OF) / _SHARE_OF


def parts_of(session: dict, lines: tuple[Timeline, Timeline], told: dict[int, dict]) -> list[Part]:
    """All parts of a record, by step and channel. lines: telemetry of both channels.

    told: by step, what the board said when it began: "session", "terms".
    """
    programme = session.get("programme") or {}
    steps = programme.get("steps") or []
    if not steps:
        return _plain(session, lines)
    stored = {step.get("index"): step for step in (session.get("summary") or {}).get("steps") or []}
    found = []
    by_step = [StepRows(line) for line in lines]
    for number, step in enumerate(steps, 1):
        index = whole(step.get("index")) or number
        figures = stored.get(index) or {}
        device_session = whole(figures.get("device_session")) or whole(told.get(index, {}).get("session"))
        kept = [rows.of(index, device_session) for rows in by_step]
        second = (told.get(index, {}).get("terms") or {}).get("terms2") or {}
        own = {**step, "index": index, "terms2": second}
        found += _of_step(session, own, figures or _measured(step, kept), kept)
    return found


def has_figures(session: dict) -> bool:
    """False when `parts_of` must make a step's figures of its telemetry, of which it then needs every column."""
    steps = (session.get("programme") or {}).get("steps") or []
    stored = {step.get("index") for step in (session.get("summary") or {}).get("steps") or []}
    return all((whole(step.get("index")) or number) in stored for number, step in enumerate(steps, 1))


def _measured(step: dict, kept: list[Timeline]) -> dict:
    """The figures of a step whose record has none: its program was killed."""
    if not kept[0].rows:
        return {}
    wave, wave2 = (_granted_wave(step, name) for name in ("wave", "wave2"))
    return summarize(wave or {}, "", kept[0].rows, wave2, kept[1].rows)


def _granted_wave(step: dict, name: str) -> dict | None:
    """The waveform of a step at the amplitude the device granted, with what a second channel takes from the first."""
    wave = step.get(name)
    if not wave:
        return None
    granted_ua = whole(step.get("amplitude_ua")) if name == "wave" else None
    return {**wave, "amplitude_ua": granted_ua or whole(wave.get("amplitude_ua")) or 0}


def _of_step(session: dict, step: dict, figures: dict, kept: list[Timeline]) -> list[Part]:
    ended = figures.get("ended") or (session["ended"] or RUNNING if figures else NOT_BEGUN)
    found = []
    for channel, end in ((1, ""), (2, "2")):
        wave = _granted_wave(step, f"wave{end}")
        if wave is None:
            continue
        terms = step["terms2"] if channel == 2 else step
        found.append(
            Part(
                index=step["index"],
                site=step.get("site") or "",
                side=step.get("side") or "",
                channel=channel,
                wave=wave,
                granted_ua=whole(terms.get("amplitude_ua")) or None,
                limit_ua=whole(terms.get("limit_ua")) or None,
                binding=terms.get("binding") or "",
                figures=figures if channel == 1 else figures.get("channel2") or {},
                ended=ended,
                felt=whole(figures.get("felt")) or 0,
                line=kept[channel - 1],
                course=impedance_course(kept[channel - 1]),
            )
        )
    return found


def _plain(session: dict, lines: tuple[Timeline, Timeline]) -> list[Part]:
    summary, accepted = session.get("summary") or {}, session.get("accepted") or {}
    figures = summary if "phases" in summary else {}
    found = []
    for channel, (wave, terms) in enumerate(
        ((session["wave"], accepted), (session.get("wave2"), accepted.get("terms2") or {})), 1
    ):
        if not wave:
            continue
        found.append(
            Part(
                index=None,
                site="",
                side="",
                channel=channel,
                wave=wave,
                granted_ua=whole(terms.get("amplitude_ua")),
                limit_ua=whole(terms.get("limit_ua")),
                binding=terms.get("binding") or "",
                figures=figures if channel == 1 else figures.get("channel2") or {},
                ended=session["ended"] or RUNNING,
                felt=whole(summary.get("felt")) or 0,
                line=lines[channel - 1],
                course=impedance_course(lines[channel - 1]),
            )
        )
    return found


def began(part: Part) -> bool:
    """True when current flowed in it."""
    return bool(part.figures) and part.figures.get("measured_in") != NOTHING


def total(parts: list[Part], name: str) -> int:
    """The sum of a figure over parts."""
    return sum(part.figure(name) or 0 for part in parts)


def weighted_ua(parts: list[Part], channel: int) -> tuple[float, float] | None:
    """(delivered, commanded) mean current of a channel, each step by its length; None when none was measured."""
    sums = [0.0, 0.0, 0.0]
    for part in parts:
        delivered_ua, commanded_ua = part.figure("delivered_mean_ua"), part.figure("commanded_mean_ua")
        if part.channel == channel and delivered_ua is not None and commanded_ua is not None:
            weight = part.figure("elapsed_ms") or 1
            sums = [sums[0] + weight, sums[1] + weight * delivered_ua, sums[2] + weight * commanded_ua]
    return (sums[1] / sums[0], sums[2] / sums[0]) if sums[0] else None


def frequencies(wave: dict) -> list[int]:
    """The frequencies of a waveform in mHz: one, or two of a sum."""
    second_mhz = wave.get("second_mhz")
    return [wave["frequency_mhz"], *([second_mhz] if second_mhz else [])]


def swept_to_mhz(wave: dict) -> int | None:
    """The other end of a frequency's sweep; None when it stays."""
    return wave.get("frequency_end_mhz") or None if wave.get("sweep_ms") else None


def is_balanced(wave: dict) -> bool:
    """True when its net charge should be zero."""
    return wave.get("polarity") == waveform.BIPHASIC


def course_ends(course: list[Point]) -> tuple[float, float] | None:
    """The first and the last impedance of a step, in ohm; None when none was measured."""
    values = [value for _at_s, value in course if value is not None]
    return (values[0], values[-1]) if values else None
