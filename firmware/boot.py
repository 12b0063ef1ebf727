"""First file to run after any reset: opens the output gates before anything else is imported.

The pin numbers stand here as literals so that a damaged library cannot keep them from being dropped; a test holds them
against every boards/*/board.py. The second one is unused on a board with one output.
"""

from machine import Pin

Pin(18, Pin.OUT, value=0)
Pin(17, Pin.OUT, value=0)

import gc

# Ours: what importing leaves behind is collected after so many bytes, or free memory ends up in small pieces.
gc.threshold(50000)
