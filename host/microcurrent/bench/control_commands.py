"""What the control socket of a running virtual Pico can be asked to do.

Each command takes the request {"do": name, ...} and gives the answer's fields. Answers about the past carry
"kept_from_ns": what was before it is not kept, and is left out of them. Every command acts at the present instant.

load, status, dac, samples, meter and fail concern one output: "channel": 1, or 2 on a board that has two; 1 unless
given.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import BadValueError
from .output import Output
from .pico import NS_PER_MS, VirtualPico

Request = dict[str, Any]
Answer = dict[str, Any]
MAX_SAMPLES = 200_000
METER_MS = 100  # ours: what a bench meter of 6 digits takes for a reading, five cycles of the mains
METER_MAX_MS = 10_000
METER_STEP_NS = 20_000
PRESS_MAX_MS = 600_000  # ours: ten minutes; nobody holds a button longer
# What may be set: far outside of what the board takes, inside of what the model means something for.
SUPPLY_MAX_MV = 16_500  # 3.3 V at the divided input of the ADC
TEMPERATURE_RANGE_C = (-40, 125)  # ours: beyond what the chip is specified for, RP2040 data sheet 5.5


def _output(pico: VirtualPico, request: Request) -> Output:
    return pico.output(request.get("channel", 1))


def _load(pico: VirtualPico, request: Request) -> Answer:
    output = _output(pico, request)
    output.set_load(str(request["name"]), request.get("area_mm2"))
    return {"name": output.load_name, "area_mm2": output.area_mm2}


def _pin(pico: VirtualPico, request: Request) -> Answer:
    number = int(request["pin"])
    if not 0 <= number < len(pico.mcu.gpio):
        raise BadValueError(f"there is no GPIO {number}; nothing was changed; give one of 0..{len(pico.mcu.gpio) - 1}")
    if "level" in request:
        pico.drive_pin(number, int(bool(request["level"])))
    elif request.get("release"):
        pico.release_pin(number)
    return {"level": pico.pin(number)}


def _time(pico: VirtualPico, request: Request) -> Answer:
    return {"now_ns": pico.now_ns}


def _status(pico: VirtualPico, request: Request) -> Answer:
    output = _output(pico, request)
    now, dac, stage = pico.now_ns, output.dac, output.stage
    return {
        "now_ns": now,
        "gate": output.gate,
        "switch": stage.closed,
        "dummy": stage.on_dummy,
        "tripped": stage.latch.set,
        "faults": stage.faults.present(),
        "button": pico.button.held,
        "usb": bool(pico.pin(pico.board.VBUS_PIN)),
        "supply_mv": pico.supply_mv,
        "temperature_c": pico.temperature_c,
        "state": pico.device_state,
        "load": output.load_name,
        "area_mm2": output.area_mm2,
        "board": pico.board.BOARD,
        "channels": len(pico.outputs),
        "dac": {
            "code": dac.code,
            "power_down": dac.power_down,
            "eeprom_code": dac.eeprom_code,
            "eeprom_power_down": dac.eeprom_power_down,
            "busy": dac.busy,
            "absent": dac.absent,
            "stuck": dac.stuck,
            "address": dac.address,
        },
        "hold_sda": output.hold_sda,
        "delivered_ua": stage.current_ua(now),
        "electrode_mv": stage.electrode_mv(now),
        "resets": len(pico.trace.resets),
    }


def _dac(pico: VirtualPico, request: Request) -> Answer:
    output = _output(pico, request)
    dac = output.dac
    dac.absent = bool(request.get("absent", dac.absent))
    dac.stuck = bool(request.get("stuck", dac.stuck))
    dac.address = int(request.get("address", dac.address))
    output.hold_sda = bool(request.get("hold_sda", output.hold_sda))
    return {"absent": dac.absent, "stuck": dac.stuck, "address": dac.address, "hold_sda": output.hold_sda}


def _csv(pico: VirtualPico, request: Request) -> Answer:
    rows = pico.write_csv(Path(request["path"]), **_interval(request))
    return {"rows": rows, "kept_from_ns": pico.trace.begin_ns}


def _vcd(pico: VirtualPico, request: Request) -> Answer:
    count = pico.write_vcd(Path(request["path"]), **_interval(request))
    return {"bytes": count, "kept_from_ns": pico.trace.begin_ns}


def _samples(pico: VirtualPico, request: Request) -> Answer:
    trace = _output(pico, request).trace
    from_ns, to_ns = int(request["from_ns"]), int(request["to_ns"])
    step_ns = int(request.get("step_ns", 100_000))
    if step_ns < 1 or (to_ns - from_ns) // step_ns > MAX_SAMPLES:
        raise BadValueError(
            f"{from_ns}..{to_ns} ns in steps of {step_ns} ns are more than {MAX_SAMPLES} samples; nothing "
            f"was read; take a larger step_ns or a shorter interval"
        )
    t_ns, commanded, delivered, electrode = trace.current(from_ns, to_ns, step_ns)
    return {
        "t_ns": t_ns.tolist(),
        "commanded_ua": commanded.tolist(),
        "delivered_ua": delivered.tolist(),
        "electrode_mv": electrode.tolist(),
        "charge_nc": trace.charge_nc(from_ns, to_ns),
        "kept_from_ns": trace.begin_ns,
    }


def _meter(pico: VirtualPico, request: Request) -> Answer:
    """A bench meter in series with the electrodes and one across them: means over the last "ms" [100]."""
    trace = _output(pico, request).trace
    window_ns = int(_number(request.get("ms", METER_MS), "ms", 1, METER_MAX_MS) * NS_PER_MS)
    to_ns = pico.now_ns
    from_ns = max(trace.begin_ns, to_ns - window_ns)
    _t, _commanded, delivered, electrode = trace.current(from_ns, to_ns, METER_STEP_NS)
    if not len(delivered):
        raise BadValueError("nothing has been recorded yet; nothing was read; ask again when the board has run")
    return {"ua": float(delivered.mean()), "mv": float(electrode.mean()), "ms": (to_ns - from_ns) / NS_PER_MS}


def _reset(pico: VirtualPico, request: Request) -> Answer:
    pico.reset(str(request.get("cause", "run")))
    return {}


def _button(pico: VirtualPico, request: Request) -> Answer:
    """{"ms": n}: held for n ms from now on, 0 releases it. The answer's until_ns is when it will be let go."""
    hold_ms = _number(request["ms"], "ms", 0, PRESS_MAX_MS)
    if hold_ms:
        pico.button.press(hold_ms)
    else:
        pico.button.release()
    return {"button": pico.button.held, "until_ns": pico.now_ns + int(hold_ms * NS_PER_MS)}


def _supply(pico: VirtualPico, request: Request) -> Answer:
    """{"mv": n}: positive rail of the output stage."""
    pico.supply_mv = _number(request["mv"], "mv", 0, SUPPLY_MAX_MV)
    return {"supply_mv": pico.supply_mv}


def _temperature(pico: VirtualPico, request: Request) -> Answer:
    """{"c": n}: temperature of the chip."""
    pico.temperature_c = _number(request["c"], "c", *TEMPERATURE_RANGE_C)
    return {"temperature_c": pico.temperature_c}


def _usb(pico: VirtualPico, request: Request) -> Answer:
    """{"on": bool}: whether a USB cable supplies the board; the data line goes on working without."""
    pico.drive_pin(pico.board.VBUS_PIN, int(bool(request["on"])))
    return {"usb": bool(pico.pin(pico.board.VBUS_PIN))}


def _fail(pico: VirtualPico, request: Request) -> Answer:
    """Faults of the output stage by the names of faults.StageFaults; a part is mended by its sound value."""
    output = _output(pico, request)
    output.fail(**{name: value for name, value in request.items() if name not in ("do", "channel")})
    return {"faults": output.stage.faults.present()}


def _number(value: object, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadValueError(f"{name} cannot be {value!r}; nothing was changed; give a number from {low} to {high}")
    return value


def _interval(request: Request) -> dict[str, Any]:
    return {name: int(request[name]) for name in ("from_ns", "to_ns") if request.get(name) is not None}


COMMANDS: dict[str, Callable[[VirtualPico, Request], Answer]] = {
    "load": _load,
    "pin": _pin,
    "time": _time,
    "status": _status,
    "dac": _dac,
    "csv": _csv,
    "vcd": _vcd,
    "samples": _samples,
    "meter": _meter,
    "reset": _reset,
    "button": _button,
    "supply": _supply,
    "temperature": _temperature,
    "usb": _usb,
    "fail": _fail,
}
