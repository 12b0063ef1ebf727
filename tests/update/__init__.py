"""Uploads that are cut short, altered or older: what a board does with them."""
