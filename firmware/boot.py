"""First file to run after any reset: opens the output gate before anything else is imported.

The pin number stands here as a literal so that a damaged library cannot keep it from being dropped; a test holds it
against every boards/*/board.py.
"""

from machine import Pin

Pin(18, Pin.OUT, value=0)
