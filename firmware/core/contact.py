"""Judges electrode contact from what was measured while current flowed. Integers only, allocates nothing."""

from ..shared import protocol

# Impedance scaled to 1 cm2 of electrode. Ours: half-way (in ratio) between the skin presets of domain survey 4.2,
# typical 100 kohm and dry 1 Mohm; open is beyond what dry skin reaches.
DRY_OHM_CM2 = 300000
OPEN_OHM_CM2 = 3000000
SHORT_OHM = 100  # ours: below the smallest bench resistor, 500 ohm; no electrode on skin measures this


def judge(impedance_ohm, area_mm2):
    """protocol.CONTACT_*. impedance_ohm: measured, negative when no current was commanded; area_mm2: electrode."""
    if impedance_ohm < 0:
        return protocol.CONTACT_UNKNOWN
    if impedance_ohm < SHORT_OHM:
        return protocol.CONTACT_SHORT
    if impedance_ohm >= OPEN_OHM_CM2 * 100 // area_mm2:
        return protocol.CONTACT_OPEN
    if impedance_ohm >= DRY_OHM_CM2 * 100 // area_mm2:
        return protocol.CONTACT_DRY
    return protocol.CONTACT_GOOD
