"""Calibration of a board: what its outputs and senses differ in from the design, measured, judged, stored, verified."""
