"""The probe's firmware: MicroPython for a Pico. The host reads wires.py and compiles the rest."""
