"""Where the pins are: the board is a Raspberry Pi Pico, only what they go to differs."""

from boards.rp2040_pico.pins import INSIDE, LEFT, LEFT_NUMBERS, NAME, PREFIX, RIGHT, RIGHT_NUMBERS, TOP

__all__ = ("DIFFERENT", "INSIDE", "LEFT", "LEFT_NUMBERS", "NAME", "PREFIX", "RIGHT", "RIGHT_NUMBERS", "TOP")

DIFFERENT = {
    "VBUS_PIN": ("VBUS of the Pico, wired on board", ""),
    "DUMMY_PIN": ("change-over of the outputs to their dummy loads", ""),
    "VOLTAGE_PIN": ("multiplexer output; its input 0: output voltage divider of the first output", ""),
    "SUPPLY_PIN": ("the same; its input 2: positive rail of the output stages", ""),
    "SECOND.TRIPPED_PIN": ("comparator latch of the second output", "cleared while `SECOND.GATE_PIN` is low"),
    "SECOND.SENSE_PIN": ("current sense amplifier of the second output", "as the first"),
    "SECOND.GATE_PIN": ("control of the second output gate", ""),
    "SECOND.SDA_PIN": ("SDA of the second MCP4725", ""),
    "SECOND.SCL_PIN": ("SCL of the second MCP4725", ""),
}
"""Constants whose texts differ from boards/wiring.py: (goes to, note; empty: as there)."""
