"""The output stage between DAC and electrodes: circuit as data, and its page."""
