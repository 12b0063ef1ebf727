"""`machine` of the ESP32 port on an emulated board: behaviour as in ports/esp32 of MicroPython 1.26.1.

File names below are of that directory. What they do not say is marked as ours.
"""

import world
from strict import constants_of, port_class, port_function

_FLASH_PINS = (6, 7, 8, 9, 10, 11)  # ESP32-WROOM-32 data sheet, pin definitions: wired to the module's flash
_NO_PINS = (20, 24, 28, 29, 30, 31)  # ESP32 data sheet, pin overview: not there on a WROOM-32
_FIRST_INPUT_ONLY = 34
_ADC_PINS = (36, 37, 38, 39, 32, 33, 34, 35, 4, 0, 2, 15, 13, 12, 14, 27, 25, 26)  # machine_adc.c
_ENODEV = 19
_ETIMEDOUT = 116
_I2C_LONGEST_US = 13107  # I2C_LL_MAX_TIMEOUT, 20 bits of an 80 MHz clock
_RTC_BYTES = 2048  # MICROPY_HW_RTC_USER_MEM_MAX, machine_rtc.c

_module = constants_of("machine")
PWRON_RESET = _module["PWRON_RESET"]
HARD_RESET = _module["HARD_RESET"]
WDT_RESET = _module["WDT_RESET"]
DEEPSLEEP_RESET = _module["DEEPSLEEP_RESET"]
SOFT_RESET = _module["SOFT_RESET"]


@port_class("machine.Pin")
class Pin:
    def __init__(self, id, mode=-1, pull=-1, value=None):
        if isinstance(id, Pin):
            id = id._number
        if id in _FLASH_PINS:
            raise RuntimeError("GPIO%d carries the flash: the chip would hang" % id)
        if not 0 <= id <= 39 or id in _NO_PINS:
            raise ValueError("invalid pin")
        self._number = id
        self._set_up(mode, pull, value)

    def init(self, mode=-1, pull=-1, value=None):
        self._set_up(mode, pull, value)

    def _set_up(self, mode, pull, value):
        # machine_pin_obj_init_helper: the level first, then the direction: no glitch
        if mode in (Pin.OUT, Pin.OPEN_DRAIN) and self._number >= _FIRST_INPUT_ONLY:
            raise ValueError("pin can only be input")
        if value is not None:
            world.number("level", self._number, 1 if value else 0)
        world.number("mode", self._number, mode, pull)
        world.spend(world.PIN_US)

    def value(self, *level):
        if level:
            world.number("level", self._number, 1 if level[0] else 0)
            world.spend(world.PIN_US)
            return None
        world.spend(world.PIN_US)
        return world.number("read", self._number)

    def irq(self, handler=None, trigger=3, priority=1, wake=None, hard=False):
        if hard:
            raise ValueError("hard interrupts are not there on this port")
        raise NotImplementedError("the firmware uses no pin interrupts on the ESP32")


def _number_of(pin):
    return pin._number if isinstance(pin, Pin) else pin


@port_class("machine.ADC")
class ADC:
    def __init__(self, id, atten=None):
        self._number = _number_of(id)
        if self._number not in _ADC_PINS:
            raise ValueError("invalid pin")
        self.init(**({} if atten is None else {"atten": atten}))

    def init(self, atten=3):
        if atten not in (0, 1, 2, 3):
            raise ValueError("invalid attenuation")
        self._atten = atten

    def read_u16(self):
        world.spend(world.ADC_US)
        raw = world.number("raw", self._number, self._atten)
        return raw << 4 | raw >> 8  # mp_machine_adc_read_u16

    def read_uv(self):
        world.spend(world.ADC_US)
        return world.number("uv", self._number, self._atten)


@port_class("machine.I2C")
class I2C:
    def __init__(self, id, scl=18, sda=19, freq=400000, timeout=50000):
        if id not in (0, 1):
            raise ValueError("I2C(%d) doesn't exist" % id)
        self._bit_us = 1000000 / freq
        self._timeout_us = min(timeout, _I2C_LONGEST_US)
        world.number("bus", id, _number_of(scl), _number_of(sda))

    def writeto(self, addr, buf, stop=True):
        told = world.number("write", addr, bytes(buf).hex() or "-")
        self._spend(told, 2 + 9 * (1 + len(buf)))
        return len(buf)

    def readfrom_into(self, addr, buf, stop=True):
        told = world.ask("readfrom", addr, len(buf))
        self._spend(int(told) if told[0] == "-" else 0, 2 + 9 * (1 + len(buf)))
        buf[:] = bytes.fromhex(told)

    def readfrom(self, addr, nbytes, stop=True):
        data = bytearray(nbytes)
        self.readfrom_into(addr, data)
        return bytes(data)

    def _spend(self, told, bits):
        """told: 0, -1 without acknowledge (ESP_FAIL), -2 when the bus hangs (ESP_ERR_TIMEOUT); machine_i2c.c."""
        world.spend(world.I2C_CALL_US + (self._timeout_us if told == -2 else int(bits * self._bit_us)))
        if told:
            raise OSError(_ETIMEDOUT if told == -2 else _ENODEV)


@port_class("machine.Timer")
class Timer:
    _made = {}

    def __init__(self, id, **keywords):
        if not 0 <= id < 4:
            raise ValueError("invalid Timer number")
        self._key = id
        if keywords:
            self.init(**keywords)

    def init(self, mode=1, period=None, freq=None, tick_hz=1000, callback=None, hard=None):
        if hard:
            raise ValueError("hard Timers are not implemented")
        period_us = int(1000000 / freq) if freq is not None else period * 1000000 // tick_hz
        if period_us <= 0:
            raise ValueError("a period of no time would never end")  # ours: on the chip the interrupt storms
        timer = Timer._made.setdefault(self._key, self)  # machine_timer_create: one of each number
        world.set_alarm(timer, period_us, mode, callback)

    def deinit(self):
        world.clear_alarm(Timer._made.get(self._key))


@port_class("machine.WDT")
class WDT:
    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("")
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        WDT._timeout_us = timeout * 1000  # esp_task_wdt_reconfigure: there is one, and it starts anew
        world.watch(WDT._timeout_us)

    def feed(self):
        world.watch(WDT._timeout_us)


@port_class("machine.RTC")
class RTC:
    def __init__(self, id=0):
        if id:
            raise ValueError("there is one RTC")

    def memory(self, *data):
        if not data:
            kept = world.ask("memory")
            return b"" if kept == "-" else bytes.fromhex(kept)
        if len(data[0]) > _RTC_BYTES:
            raise ValueError("buffer too long")
        world.number("remember", bytes(data[0]).hex() or "-")
        return None


@port_function("machine.reset")
def reset():
    world.reset("software")


@port_function("machine.reset_cause")
def reset_cause():
    return world.number("cause")


@port_function("machine.unique_id")
def unique_id():
    return bytes((0x24, 0x6F, 0x28, 1, 2, 3))


@port_function("machine.freq")
def freq(*hz):
    return 160000000
