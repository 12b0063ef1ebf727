"""`network` of the ESP32 port: whether Wi-Fi runs."""

import world
from strict import port_class


@port_class("network.WLAN")
class WLAN:
    def __init__(self, interface_id=0):
        self._id = interface_id

    def active(self, *is_active):
        return bool(world.number("radio", self._id, *[int(flag) for flag in is_active]))
