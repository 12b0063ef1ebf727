"""`esp32` of the ESP32 port: what the firmware uses of it."""

import world
from strict import port_function


@port_function("esp32.raw_temperature")
def raw_temperature():
    world.spend(105)  # two esp_rom_delay_us of ports/esp32/modesp32.c
    return world.number("fahrenheit")
