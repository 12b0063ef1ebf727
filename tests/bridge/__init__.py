"""Tests of `microcurrent bridge`: a real broker, and boards that replay a recorded session."""
