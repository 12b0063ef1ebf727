"""Runs after boot.py: serves the link until Ctrl-C, then leaves the REPL."""

from firmware import app

app.main()
