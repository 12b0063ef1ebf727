"""Decisions: integers in, integers out; time and readings come in as arguments. Touches no hardware."""
