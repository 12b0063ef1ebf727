"""A programme as people write it (TOML, units) and as the board takes it (integers), checked by its schema.

A file has a head (title, version, profile, source, evidence, about, before, after), [defaults] for all steps, and one
[[step]] per place: site, side, what the board plays there, and for the hand: move, cue, hold. `side = "both"` is the
step on the left and then on the right; `repeat` plays it so often; a step that is only `include = "name"` stands for
all steps of another programme. Amplitudes are currents or shares of what all limits permit ("60%").
"""

import hashlib
import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from firmware.shared import programme as schema
from firmware.shared import rules, waveform

from . import quantities
from .errors import BadValueError, RecordError
from .option_words import OPTIONS, in_keys
from .signatures import Signatures

MAX_BYTES = 200_000  # ours: a programme of 48 steps has below 20 kB
MAX_TEXT = 400  # ours: of one text in it
_BOTH = "both"
_TEXTS = ("title", "version", "source", "evidence")
_LISTS = ("before", "after")
_HEAD = {*_TEXTS, *_LISTS, "about", "profile", "defaults", "step"}
_STEP_KEYS = {
    "site",
    "side",
    "repeat",
    "include",
    "hold",
    "move",
    "move_time",
    "cue",
    "channel2",
    "condition",
    "tissue",
}
_SWEEP_HOLD = "sweep_hold"  # the wave's own hold, which the hand's would hide
_CHOICES = {"shape": waveform.SHAPES, "polarity": waveform.POLARITIES}
_QUANTITIES = {
    _SWEEP_HOLD if name == "hold_ms" else option.lstrip("-").replace("-", "_"): (name, kind)
    for name, (option, kind) in OPTIONS.items()
    if name != "sample_us"
}
_QUANTITIES |= {"area": ("area_mm2", quantities.AREA)}
_COMMON = {"duration", "ramp"}  # of both channels
_RANGES = {name: (low, high) for name, low, high, _default in waveform.FIELDS}


@dataclass(frozen=True)
class Step:
    """One step: where, what the board is told (`device`), and what the hand is told.

    labels: what the vendors of such frequencies call them, of the first and the second channel; empty for others.
    """

    site: str
    side: str
    device: dict
    move: str = ""
    cue: str = ""
    labels: tuple[str, ...] = ()

    @property
    def duration_ms(self) -> int:
        """Time at treatment level, ramps included."""
        return self.device["wave"]["duration_ms"]


@dataclass(frozen=True)
class Programme:
    """A checked programme. `sha256` is that of what would be played: the same steps have the same one."""

    name: str
    title: str
    version: str
    profile: str
    source: str
    evidence: str
    about: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    steps: tuple[Step, ...]
    sha256: str = field(default="", compare=False)

    @property
    def hash(self) -> str:
        """What the board knows it by."""
        return self.sha256[:16]

    @property
    def channels(self) -> int:
        """How many outputs it needs."""
        return 2 if any("wave2" in step.device for step in self.steps) else 1

    @property
    def duration_ms(self) -> int:
        """Time at treatment level of all steps."""
        return sum(step.duration_ms for step in self.steps)

    @property
    def sites(self) -> tuple[str, ...]:
        """Its sites, each once, in order."""
        return tuple(dict.fromkeys(step.site for step in self.steps))

    def info(self) -> dict:
        """Its head as the board takes it."""
        unipolar_ms = sum(step.duration_ms for step in self.steps if _is_unipolar(step))
        return {"name": self.name[:32], "hash": self.hash, "steps": len(self.steps), "duration_ms": self.duration_ms,
                "profile": rules.PROFILES.index(self.profile), "unipolar_ms": unipolar_ms}  # fmt: skip


def _is_unipolar(step: Step) -> bool:
    waves = [step.device[name] for name in ("wave", "wave2") if name in step.device]
    return any(wave.get("polarity", waveform.BIPHASIC) != waveform.BIPHASIC for wave in waves)


class Loader:
    """Reads programmes. find(name): the file that an include means; signatures: the table of labelled frequencies."""

    def __init__(self, find: Callable[[str], Path], signatures: Signatures) -> None:
        self._find = find
        self._signatures = signatures

    def load(self, path: Path) -> Programme:
        """The programme in a file. Raises BadValueError that names file, step and what to write instead; RecordError
        for a file that cannot be read.
        """
        head = _read(path)
        where = f"{path.name}"
        _check_head(head, where)
        steps = self._steps(path, head, ())
        if not steps:
            raise _bad(where, "it has no [[step]]", "add at least one")
        if len(steps) > schema.MAX_STEPS:
            raise _bad(where, f"it has {len(steps)} steps, the limit is {schema.MAX_STEPS}", "leave some out")
        made = Programme(
            name=path.stem,
            profile=head.get("profile", rules.PROFILES[0]),
            about=head.get("about", ""),
            steps=tuple(steps),
            title=head["title"],
            version=head["version"],
            source=head["source"],
            evidence=head["evidence"],
            before=tuple(head.get("before", ())),
            after=tuple(head.get("after", ())),
        )
        _check_info(made, where)
        played = [step.device for step in made.steps]
        text = json.dumps([made.name, made.version, made.profile, played], sort_keys=True)
        return replace(made, sha256=hashlib.sha256(text.encode()).hexdigest())

    def _steps(self, path: Path, head: dict, within: tuple[Path, ...]) -> list[Step]:
        """All steps of a file, those of included ones in their place. within: the files that include it."""
        path = path.resolve()
        if path in within:
            chain = " > ".join(part.stem for part in (*within[within.index(path) :], path))
            raise _bad(path.name, f"it includes itself: {chain}", "break the circle")
        found: list[Step] = []
        for number, step in enumerate(head.get("step", ()), 1):
            where = f"{path.name}, step {number}"
            if "include" in step:
                found += self._included(step, where, (*within, path))
                continue
            found += self._expanded({**head.get("defaults", {}), **step}, where)
            if len(found) > 2 * schema.MAX_STEPS:
                break  # the caller says that there are too many
        return found

    def _included(self, step: dict, where: str, within: tuple[Path, ...]) -> list[Step]:
        if set(step) != {"include"} or not isinstance(step["include"], str):
            raise _bad(where, "a step with include has nothing else", 'write only: include = "name"')
        path = self._find(step["include"])
        head = _read(path)
        _check_head(head, path.name)
        return self._steps(path, head, within)

    def _expanded(self, given: dict, where: str) -> list[Step]:
        """One written step as the steps that are played: sides and repeats."""
        repeat = given.pop("repeat", 1)
        if not waveform.is_int(repeat) or not 1 <= repeat <= schema.MAX_STEPS:
            raise _bad(where, f"repeat is {repeat!r}", f"write a whole number 1..{schema.MAX_STEPS}")
        sides = ("left", "right") if given.get("side") == _BOTH else (given.get("side", "middle"),)
        return [self._step({**given, "side": side}, where) for _ in range(repeat) for side in sides]

    def _step(self, given: dict, where: str) -> Step:
        labels = self._apply_signature(given, where)
        device: dict[str, Any] = {"site": given.pop("site", None), "side": given.pop("side")}
        hand = {key: _text(given.pop(key, ""), key, where) for key in ("move", "cue")}
        for key, name in (("hold", "hold_ms"), ("move_time", "move_ms")):
            if key in given:
                device[name] = _quantity(given.pop(key), quantities.DURATION, None, f"{where}, {key}")
        channel2 = given.pop("channel2", None)
        device["wave"] = _wave(given, where, device, "share_permille")
        if channel2 is not None:
            if not isinstance(channel2, dict):
                raise _bad(where, "channel2 is no table", 'write: channel2 = { shape = "sine", ... }')
            device["wave2"] = _wave(dict(channel2), f"{where}, channel2", device, "share2_permille")
        problem = schema.check_step(device)[1]
        if problem:
            raise _bad(where, in_keys(problem), "change it there")
        return Step(device["site"], device["side"], device, **hand, labels=labels)

    def _apply_signature(self, given: dict, where: str) -> tuple[str, ...]:
        """`condition` and `tissue` become the frequencies of the first and the second channel; their labels."""
        condition, tissue = given.pop("condition", None), given.pop("tissue", None)
        if condition is None and tissue is None:
            return ()
        if condition is None or tissue is None:
            raise _bad(where, "condition and tissue belong together", "give both")
        if "frequency" in given or "frequency" in given.get("channel2", {}):
            raise _bad(where, "it has a frequency beside condition and tissue", "leave the frequency away")
        given["frequency"] = self._signatures.frequency("conditions", condition, where)
        second = {"shape": given.get("shape", waveform.SQUARE), "amplitude": given.get("amplitude")}
        second |= {"polarity": given["polarity"]} if "polarity" in given else {}
        given["channel2"] = {**second, **given.get("channel2", {})}
        given["channel2"]["frequency"] = self._signatures.frequency("tissues", tissue, where)
        return str(condition), str(tissue)


def _wave(given: dict, where: str, device: dict, share: str) -> dict:
    """The waveform's fields of a step, for the board; an amplitude that is a share goes into `device`."""
    wave: dict[str, Any] = {}
    for key, value in given.items():
        if key in _CHOICES:
            if value not in _CHOICES[key]:
                raise _bad(where, f"{key} is {value!r}", f"choose one of: {', '.join(_CHOICES[key])}")
            wave[key] = value
        elif key == "amplitude" and isinstance(value, str) and value.strip().endswith("%"):
            device[share] = _quantity(value, quantities.SHARE, (1, 1000), f"{where}, {key}")
        elif key in _QUANTITIES:
            name, kind = _QUANTITIES[key]
            wave[name] = _quantity(value, kind, _RANGES[name], f"{where}, {key}")
        else:
            known = sorted({*_STEP_KEYS, *_CHOICES, *_QUANTITIES})
            raise _bad(where, f"there is no key {key!r}", f"the keys are: {', '.join(known)}")
    if share not in device and "amplitude_ua" not in wave:
        raise _bad(where, "it has no amplitude", 'write for example: amplitude = "60%" or "150uA"')
    return wave


def _quantity(value: object, kind: quantities.Kind, bounds: tuple[int, int] | None, where: str) -> int:
    if not isinstance(value, str):
        raise _bad(where, f"{value!r} has no unit", f'write it as text with a unit: "{kind.example}"')
    try:
        return quantities.parse(value, kind, *(bounds or ()))
    except quantities.QuantityError as error:
        what, _state, remedy = error.args[0].split("; ", 2)
        raise _bad(where, what, remedy) from None


def _read(path: Path) -> dict:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RecordError(
            f"{path} cannot be read ({error.strerror}); nothing was started; see: microcurrent programs list"
        ) from None
    if len(data) > MAX_BYTES:
        raise _bad(path.name, f"it has more than {MAX_BYTES // 1000} kB", "a programme is smaller")
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(path.name, f"it is no TOML ({error})", "see an example with: microcurrent programs new") from None


def _check_head(head: dict, where: str) -> None:
    for key in head:
        if key not in _HEAD:
            raise _bad(where, f"there is no key {key!r} at its top", f"the keys are: {', '.join(sorted(_HEAD))}")
    for key in _TEXTS:
        if not head.get(key):
            raise _bad(where, f"{key} is missing", f'write: {key} = "..."')
        _text(head[key], key, where)
    _text(head.get("about", ""), "about", where)
    profile = head.get("profile", rules.PROFILES[0])
    if profile not in rules.PROFILES:
        raise _bad(where, f"profile is {profile!r}", f"choose one of: {', '.join(rules.PROFILES)}")
    _check_tables(head, where)


def _check_tables(head: dict, where: str) -> None:
    for key in _LISTS:
        if not isinstance(head.get(key, []), list):
            raise _bad(where, f"{key} is no list of texts", f'write: {key} = ["..."]')
        for text in head.get(key, []):
            _text(text, key, where)
    steps = head.get("step", [])
    if not isinstance(head.get("defaults", {}), dict) or not isinstance(steps, list):
        raise _bad(where, "defaults or step is no table", "write [defaults] and [[step]]")
    if not all(isinstance(step, dict) for step in steps):
        raise _bad(where, "a step is no table", "write [[step]]")


def _check_info(made: Programme, where: str) -> None:
    problem = schema.check_info(made.info() | {"hash": "0"})[1]
    if problem:
        raise _bad(where, in_keys(problem), "shorten it")
    if made.info()["unipolar_ms"] > rules.UNIPOLAR_MAX_MS:
        longest = quantities.show(rules.UNIPOLAR_MAX_MS, quantities.DURATION)
        raise _bad(where, f"its current does not reverse for longer than {longest}", "shorten those steps")


def _text(value: object, key: str, where: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise _bad(where, f"{key} is no text of at most {MAX_TEXT} printable characters", "change it")
    return value


def _bad(where: str, what: str, remedy: str) -> BadValueError:
    return BadValueError(f"{where}: {what}; nothing was started; {remedy}")
