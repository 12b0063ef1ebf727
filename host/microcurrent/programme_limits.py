"""What a board with its settings would grant to each step of a programme, before anything is sent to it.

The board decides again when a step begins; this uses the same rules (firmware/shared), so that both say the same.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

from firmware.shared import limits, rules
from firmware.shared import programme as schema

from . import quantities
from .errors import BadValueError, RefusedError
from .option_words import in_keys
from .programme import Programme, Step

Threshold = Callable[[str, str], int | None]  # (site, side) -> the person's threshold there in uA, None when unknown


@dataclass(frozen=True)
class Granted:
    """What one channel of a step would get. refusal: a sentence, empty when it would be permitted."""

    wave: dict
    amplitude_ua: int
    limit_ua: int
    binding: str
    source: str
    refusal: str


def for_board(programme: Programme, area_mm2: int, threshold: Threshold = lambda _site, _side: None) -> list[dict]:
    """The steps as the board takes them, with the declared area and the person's threshold at each site."""
    return [_device_step(step, area_mm2, threshold) for step in programme.steps]


def _device_step(step: Step, area_mm2: int, threshold: Threshold) -> dict:
    device = copy.deepcopy(step.device)
    felt_ua = threshold(step.site, step.side)
    for name in {"wave", "wave2"} & device.keys():
        if area_mm2 and "area_mm2" not in device[name]:
            device[name]["area_mm2"] = area_mm2
        if felt_ua:
            device[name]["threshold_ua"] = felt_ua
    return device


def granted(device_step: dict, settings: dict, hard_cap_ua: int) -> list[Granted]:
    """One entry per channel of a step that for_board() made."""
    step, problem = schema.check_step(device_step)
    if step is None:
        raise BadValueError(f"{in_keys(problem or '')}; nothing was started; correct the programme")
    found = []
    for name, share in (("wave", "share_permille"), ("wave2", "share2_permille")):
        if name in step:
            found.append(_granted(dict(step[name]), step[share], settings, hard_cap_ua, "wave2" in step))
    return found


def _granted(wave: dict, share_permille: int, settings: dict, hard_cap_ua: int, paired: bool) -> Granted:
    extremes = [wave, wave | {"frequency_mhz": wave["frequency_end_mhz"] or wave["frequency_mhz"]}]
    limit_ua, binding, source = min(limits.permitted(each, settings, hard_cap_ua) for each in extremes)
    if paired and limit_ua > hard_cap_ua // 2:
        limit_ua, binding, source = hard_cap_ua // 2, "hard-cap", "both channels together"
    wave["amplitude_ua"] = schema.granted(wave, share_permille, 1000, limit_ua)
    largest = wave | {"amplitude_ua": max(wave["amplitude_ua"], wave["amplitude_end_ua"])}
    refusal = next(
        (text for text in (limits.refusal(each, settings, hard_cap_ua) for each in (largest, wave)) if text), ""
    )
    return Granted(wave, wave["amplitude_ua"], limit_ua, binding, source, refusal)


def require_permitted(programme: Programme, steps: list[dict], settings: dict, hard_cap_ua: int) -> list[list[Granted]]:
    """What each step would get. Raises RefusedError that names the first step which the board would refuse."""
    _require_profile(programme, settings)
    longest_ms = settings["session_max_ms"]
    if programme.duration_ms > longest_ms:
        long, most = (quantities.show(ms, quantities.DURATION) for ms in (programme.duration_ms, longest_ms))
        raise RefusedError(
            f"{programme.name} takes {long} of treatment time, the board's session_max_ms permits {most}; nothing was "
            f"started; choose a shorter programme, or permit more with the device's button: microcurrent config set "
            f"session_max_ms {long}"
        )
    found = []
    for number, step in enumerate(steps, 1):
        channels = granted(step, settings, hard_cap_ua)
        for channel, each in enumerate(channels, 1):
            if each.refusal:
                where = f"step {number} ({step['site']}, {step['side']})" + (
                    f", channel {channel}" if channel > 1 else ""
                )
                raise RefusedError(
                    f"{programme.name}, {where}: {in_keys(each.refusal)}; nothing was started; change the step, or "
                    f"see why with: microcurrent limits"
                )
        found.append(channels)
    return found


def _require_profile(programme: Programme, settings: dict) -> None:
    if rules.PROFILES.index(programme.profile) > settings["profile"]:
        raise RefusedError(
            f"{programme.name} is for the profile {programme.profile}, the board's is "
            f"{rules.PROFILES[settings['profile']]}; nothing was started; choose another programme, or with the "
            f"device's button: microcurrent config set profile {programme.profile}"
        )
