"""Runs after boot.py: serves the link until Ctrl-C, then leaves the REPL."""

import board

# Memory in front of all that lives, given back once everything is there: see app.main(). A second output leaves less.
room = [bytearray(49152 if board.SECOND is None else 32768)]

from firmware import app

app.main(room)
