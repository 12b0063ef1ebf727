"""The fake accepts what the ESP32 port accepts, refuses what it refuses, and keeps time: what it is worth."""

import pytest

from .bench import VirtualEsp32
from .conftest import RunProgram
from .signatures import read_stubs

IMPORTS = "import machine, time, esp32, network\nfrom machine import ADC, I2C, Pin, RTC, Timer, WDT\n"
# A line of Python, and the end of what it must raise; "" where it must not.
LINES = (
    ("Timer(0).init(mode=Timer.PERIODIC, period=5, callback=print)", ""),
    ("Timer(0).init(mode=Timer.PERIODIC, period=5, callback=print, hard=True)", "ValueError: hard Timers are not"),
    ("Timer(-1)", "ValueError: invalid Timer number"),
    ("Timer(4)", "ValueError: invalid Timer number"),
    (
        "Timer(0).init(mode=Timer.PERIODIC, period=5, callback=print, priority=1)",
        "TypeError: machine.Timer.init: extra",
    ),
    ("Timer(0).init(Timer.PERIODIC, 5)", "TypeError: machine.Timer.init: function expected at most 0"),
    ("Pin(18, Pin.OUT, value=0)", ""),
    ("Pin(18, Pin.OUT, pull=Pin.PULL_UP, value=0, drive=Pin.DRIVE_0)", "TypeError"),
    ("Pin(34, Pin.OUT)", "ValueError: pin can only be input"),
    ("Pin(6, Pin.OUT)", "RuntimeError: GPIO6 carries the flash"),
    ("Pin(24, Pin.IN)", "ValueError: invalid pin"),
    ("Pin(18).irq(print, hard=True)", "ValueError: hard interrupts"),
    ("Pin.ALT", "AttributeError"),
    ("ADC(Pin(34), atten=ADC.ATTN_11DB).read_uv()", ""),
    ("ADC(34, sample_ns=100)", "TypeError: machine.ADC.__init__: extra keyword"),
    ("ADC(Pin(18))", "ValueError: invalid pin"),
    ("ADC(34, atten=4)", "ValueError: invalid attenuation"),
    ("ADC.CORE_TEMP", "AttributeError"),
    ("I2C(0, sda=Pin(21), scl=Pin(22), freq=400000, timeout=2000).writeto(0x60, b'\\x08\\x00')", ""),
    ("I2C(0, sda=Pin(21), scl=Pin(22), baudrate=400000)", "TypeError: machine.I2C.__init__: extra keyword"),
    ("I2C(2, sda=Pin(21), scl=Pin(22))", "ValueError: I2C(2) doesn't exist"),
    ("I2C(0, sda=Pin(21), scl=Pin(22)).writeto(0x61, b'\\x00')", "OSError: [Errno 19] ENODEV"),
    ("I2C(0, sda=Pin(21), scl=Pin(22)).readfrom_mem(0x60, 0, 1)", "NotImplementedError"),
    ("WDT(timeout=0)", "ValueError: WDT timeout too short"),
    ("WDT(0, 500)", "TypeError"),
    ("WDT(timeout=500).timeout_ms(600)", "AttributeError"),
    ("RTC().memory(b'12345'); assert RTC().memory() == b'12345'", ""),
    ("machine.mem32[0x3FF44000]", "AttributeError"),
    ("machine.PWM", "AttributeError"),
    ("machine.reset(1)", "TypeError"),
    ("esp32.raw_temperature()", ""),
    ("esp32.mcu_temperature()", "AttributeError"),
    ("network.WLAN(network.WLAN.IF_STA).active(False)", ""),
    ("network.WLAN(network.WLAN.IF_STA).power()", "AttributeError"),
)


def test_lines_of_python_pass_or_fail_as_on_the_port(run: RunProgram) -> None:
    """All of them in one program, each in a function of its own."""
    source = IMPORTS
    for number, (line, _wanted) in enumerate(LINES):
        source += f"def f{number}():\n    {line}\n"
    source += (
        f"for n in range({len(LINES)}):\n    try:\n        globals()['f%d' % n]()\n        print(n, '-')\n"
        "    except Exception as e:\n        print(n, '%s: %s' % (type(e).__name__, e))\n"
    )
    told = dict(line.split(" ", 1) for line in run(source).splitlines())
    for number, (line, wanted) in enumerate(LINES):
        found = told[str(number)]
        assert found.startswith(wanted or "-"), (line, found)


def test_every_call_of_the_firmware_is_in_the_stubs() -> None:
    """The table is not empty where it matters, and constants of other ports are not in it."""
    table, constants = read_stubs()
    assert {"machine.Timer.init", "machine.ADC.read_uv", "machine.WDT.feed", "machine.RTC.memory"} <= set(table)
    assert constants["machine.Pin"]["OUT"] == 3 and "ALT" not in constants["machine.Pin"]


HELD = """
import time
from machine import Timer
seen = []
timer = Timer(0)
timer.init(mode=Timer.PERIODIC, period=2, callback=lambda _t: seen.append(time.ticks_us()))
time.sleep_us({us})
timer.deinit()
time.sleep_ms(5)
print(len(seen))
"""


def test_within_a_call_of_c_no_callback_runs_and_eight_are_kept(run: RunProgram) -> None:
    assert run(HELD.format(us=9000)).split() == ["4"]
    assert run(HELD.format(us=40000)).split() == ["8"]


STALE = """
import time
from machine import Timer
seen = []
first, second = Timer(0), Timer(1)
first.init(mode=Timer.PERIODIC, period=5, callback=lambda _t: second.deinit())
second.init(mode=Timer.PERIODIC, period=5, callback=seen.append)
time.sleep_ms(50)
print(len(seen))
"""


def test_what_a_stopped_timer_has_scheduled_still_runs(run: RunProgram) -> None:
    assert run(STALE).split() == ["1"]


NESTED = """
import time
from machine import Timer
depth = [0, 0]
def callback(_t):
    depth[0] += 1
    depth[1] = max(depth)
    time.sleep_ms(12)
    depth[0] -= 1
Timer(0).init(mode=Timer.PERIODIC, period=5, callback=callback)
time.sleep_ms(100)
print(depth[1])
"""


def test_callbacks_never_interrupt_each_other(run: RunProgram) -> None:
    assert run(NESTED).split() == ["1"]


RAISING = """
import time
from machine import Timer
seen = []
def callback(_t):
    seen.append(1)
    raise ValueError("odd")
Timer(0).init(mode=Timer.PERIODIC, period=5, callback=callback)
time.sleep_ms(52)
print("count", len(seen))
"""


def test_an_exception_in_a_callback_is_printed_and_the_timer_goes_on(run: RunProgram) -> None:
    told = run(RAISING)
    assert told.count("ValueError: odd") == 10 and "count 10" in told


@pytest.mark.parametrize("gap_ms", [400, 600])
def test_the_watchdog_bites_after_its_time_and_no_sooner(chip: VirtualEsp32, run: RunProgram, gap_ms: int) -> None:
    run(
        "import machine, time\nif machine.reset_cause() != machine.WDT_RESET:\n    dog = machine.WDT(timeout=500)\n"
        f"    for _ in range(3):\n        time.sleep_ms({gap_ms})\n        dog.feed()\n"
        "    machine.WDT(timeout=0x7FFFFFFF)\n",
        4000,
    )
    assert [cause for _t, cause in chip.trace.resets[1:]] == ([] if gap_ms < 500 else ["watchdog"])


def test_the_same_program_gives_the_same_run_to_the_microsecond(chip: VirtualEsp32, run: RunProgram) -> None:
    source = IMPORTS + "Pin(18, Pin.OUT, value=0)\nfor n in range(9):\n    Pin(18).value(n & 1)\n    time.sleep_ms(n)\n"
    runs = []
    for _ in range(2):
        began_ns = chip.now_ns
        run(source)
        runs.append([(t - began_ns, level) for t, pin, level in chip.trace.pins if pin == 18 and t > began_ns])
    assert runs[0] == runs[1] and len(runs[0]) >= 7
