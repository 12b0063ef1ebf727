"""The fault campaign: every fault of the table, injected into the running firmware on the virtual Pico, and judged.

`python -m tests.campaign` runs it all; scenarios.py says what is injected and what must follow.
"""
