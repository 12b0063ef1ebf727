"""The sample interrupt: its stages on CPython, their expansion, and what healthy sessions send to the DAC."""
