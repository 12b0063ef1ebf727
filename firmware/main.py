"""Second file to run: serves the link until Ctrl-C, then leaves the REPL."""

room = [bytearray(32768)]  # in front of all that lives; given back once everything is there, see app.main()

from firmware import app

app.main(room)
