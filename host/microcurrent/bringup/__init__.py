"""Bring-up of a new build, step by step: what should be measured where, and the likely mistake for a wrong reading."""
