"""All steps of a bring-up, in order: without power, with power, by the board itself, at the electrodes, at the end."""

from collections.abc import Callable
from types import ModuleType

from ..client import DeviceClient
from . import diagnose, electrodes
from .facts import gathered
from .questions import Ask, at_the_end, with_power, without_power
from .result import Result

OFF = "switch all supplies off, unplug USB, connect nothing to the electrodes"
ON = "switch the supplies on; still nothing at the electrodes"


def before(board: ModuleType, ask: Ask, say: Callable[[str], None]) -> list[Result]:
    """What has to be measured before the board may be powered."""
    say(OFF)
    return [each.judge(ask(f"{each.where}, in ohm")) for each in without_power(board)]


def powered(client: DeviceClient, board: ModuleType, ask: Ask, say: Callable[[str], None]) -> list[Result]:
    """Everything else. Raises what the link raises."""
    say(ON)
    found = [each.judge(ask(f"{each.where}, in V")) for each in with_power(board)]
    found += diagnose.all_of(gathered(client, board))
    if any(each.good is False for each in found):
        return found
    answer = ask(f"connect {electrodes.OHM} ohm to the electrode terminals; is it connected? (y/n)")
    if answer is not None and answer.strip().lower() in ("y", "yes"):
        found.append(electrodes.measured(client))
    else:
        found.append(Result("electrodes", electrodes.WHERE, None, "not asked", f"{electrodes.OHM} ohm"))
    return found + [each.judge(ask(f"{each.where} (y/n)")) for each in at_the_end()]
