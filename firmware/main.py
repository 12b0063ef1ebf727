"""Runs after boot.py: serves the link until Ctrl-C, then leaves the REPL."""

import gc

import board

# Before any other code of ours runs: is it what was built? With the memory that this takes nothing else lives yet.
from firmware.hw import image

examined = image.examined()
gc.collect()

# Memory in front of all that lives, given back once everything is there: see app.main(). A second output leaves less.
# An ESP32 has enough; on an RP2040 the self-test must find 1.2 kB in one piece for the journal while this is taken.
room = [bytearray(49152 if board.PORT == "esp32" else 45056 if board.SECOND is None else 30720)]

from firmware import app

app.main(room, examined)
