"""Obtaining the MicroPython image that boards and the virtual Pico boot."""
