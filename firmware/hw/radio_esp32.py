"""Wi-Fi and Bluetooth stay off: their tasks delay samples, and their transmitter disturbs the ADC and the supply.

Nothing of this firmware starts them, and every reset of the chip leaves them off; importing `network` would cost their
buffers. Only a soft reset (Ctrl-D) keeps Wi-Fi running that somebody started at the prompt: main.c of ports/esp32 ends
Bluetooth there, and not Wi-Fi.
"""

import machine


def silence():
    """Wi-Fi off, both interfaces, where it may run at all."""
    if machine.reset_cause() != machine.SOFT_RESET:
        return
    import network

    for interface in (network.WLAN.IF_STA, network.WLAN.IF_AP):
        network.WLAN(interface).active(False)
