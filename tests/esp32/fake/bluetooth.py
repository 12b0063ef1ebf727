"""`bluetooth` of the ESP32 port: whether it runs."""

import world
from strict import port_class


@port_class("bluetooth.BLE")
class BLE:
    def active(self, *active):
        return bool(world.number("radio", "ble", *[int(flag) for flag in active]))
