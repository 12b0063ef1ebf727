"""What a host, a user and a supply can do to a board at any time."""

from collections.abc import Callable
from random import Random
from typing import Any

from firmware.shared import limits, protocol, waveform

from .plant import SETTINGS, Plant

LOADS = ("good", "typical", "dry", "open", "short", "2k", "10k")


def random_move(plant: Plant, random: Random) -> str:
    """Do one thing and say which. Requests are sent, not waited for: the next move may come before their answer."""
    move = random.choices(_MOVES, _WEIGHTS)[0]
    move(plant, random)
    return move.__name__.strip("_")


def random_request(random: Random) -> dict[str, Any]:
    """A waveform: mostly sensible, sometimes at or beyond a limit, sometimes nonsense."""
    request: dict[str, Any] = {
        "amplitude_ua": random.choice((1, 8, 50, 100, 101, 200, 300, 400, 600, 601, 1000, 1001, 100_000)),
        "frequency_mhz": random.choice((100, 2000, 10_000, 100_000, 1_000_000)),
        "duration_ms": random.choice((200, 1000, 60_000)),
        "ramp_ms": random.choice((100, 100, 300, 5000)),
        "shape": random.choice(waveform.SHAPES),
        "polarity": random.choice(waveform.POLARITIES),
    }
    if random.random() < 0.1:
        request[random.choice(list(request))] = random.choice((-1, 0, None, "many", 1.5, True, 10**12))
    return request


def _arm(plant: Plant, random: Random) -> None:
    request = random_request(random)
    _note(plant, request)
    plant.host.send("arm", wave=request, lease_ms=random.choice((500, 2000)))


def _usual_arm(plant: Plant, random: Random) -> None:
    amplitude_ua = random.choice((50, 200, 400))
    request = {"amplitude_ua": amplitude_ua, "frequency_mhz": 50_000, "duration_ms": 60_000, "ramp_ms": 100}
    _note(plant, request)
    plant.host.send("arm", wave=request, lease_ms=2000)


def _note(plant: Plant, request: dict[str, Any]) -> None:
    """Remember the amplitude of a request that must not be refused for good: no other one may ever flow."""
    wave, _problem = waveform.check(request)
    if wave is not None and limits.refusal(wave, SETTINGS, plant.pico.board.HARD_CAP_UA) is None:
        plant.host.amplitudes_ua.append(wave["amplitude_ua"])


def _start(plant: Plant, random: Random) -> None:
    plant.host.send("start", session=random.choice((1, 2, 3, plant.host.session, None, "2")))


def _arm_and_start(plant: Plant, random: Random) -> None:
    _usual_arm(plant, random)
    for session in range(1, 5):
        plant.host.send("start", session=session)


def _lease(plant: Plant, random: Random) -> None:
    plant.host.send("lease", session=random.choice((0, 1, 2, plant.host.session, -1, [])))


def _command(plant: Plant, random: Random) -> None:
    plant.host.send(
        random.choice(("pause", "resume", "stop", "disarm", "clear", "status", "faults", "log", "counters"))
    )


def _pause(plant: Plant, _random: Random) -> None:
    plant.host.send("pause")


def _resume(plant: Plant, _random: Random) -> None:
    plant.host.send("resume")


def _stop(plant: Plant, random: Random) -> None:
    plant.host.send("stop", now=random.random() < 0.5)


def _any_command(plant: Plant, random: Random) -> None:
    plant.host.send(random.choice(protocol.COMMANDS), from_seq=random.randrange(100), set={})


def _config(plant: Plant, random: Random) -> None:
    name = random.choice(("telemetry_hz", "lease_ms", "profile", "area_mm2", "usb_isolated", "nonsense"))
    plant.host.send("config", set={name: random.choice((0, 1, 20, 1000, 5000, -1, "x"))})


def _garbage(plant: Plant, random: Random) -> None:
    data = bytearray(random.randbytes(random.choice((1, 20, 200, 1500))))
    plant.pico.serial_write(bytes(data).replace(b"\x03", b"?") + random.choice((b"", b"\n")))


def _load(plant: Plant, random: Random) -> None:
    plant.pico.set_load(random.choice(LOADS))


def _estop(plant: Plant, random: Random) -> None:
    plant.pico.drive_pin(plant.pico.board.ESTOP_PIN, random.choice((0, 0, 1)))


def _usb(plant: Plant, random: Random) -> None:
    plant.pico.drive_pin(plant.pico.board.VBUS_PIN, random.choice((0, 0, 1)))


def _button(plant: Plant, random: Random) -> None:
    plant.pico.button.press(random.choice((1, 50, 1200)))


def _port(plant: Plant, random: Random) -> None:
    (plant.pico.open_port if random.random() < 0.6 else plant.pico.close_port)()


def _ctrl_c(plant: Plant, _random: Random) -> None:
    plant.pico.serial_write(b"\x03")


def _reset(plant: Plant, random: Random) -> None:
    cause = random.choice(("run", "watchdog", "power"))
    if cause == "power":
        plant.lose_power()
    else:
        plant.pico.reset(cause)


Move = Callable[[Plant, Random], None]
_CHANCES: tuple[tuple[Move, float], ...] = (
    (_arm, 6), (_usual_arm, 6), (_start, 8), (_arm_and_start, 8), (_lease, 4), (_command, 6), (_pause, 5), (_resume, 5),
    (_stop, 5), (_any_command, 3), (_config, 3), (_garbage, 4), (_load, 10), (_estop, 5), (_usb, 3), (_button, 2),
    (_port, 2), (_ctrl_c, 1), (_reset, 2),
)  # fmt: skip
_MOVES = [move for move, _weight in _CHANCES]
_WEIGHTS = [weight for _move, weight in _CHANCES]
