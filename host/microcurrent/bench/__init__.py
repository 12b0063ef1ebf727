"""The virtual Pico: an emulated RP2040 running the real firmware, with a virtual DAC, output stage and skin.

Everything advances in emulated time and repeats bit for bit. Firmware never imports this package.
"""
