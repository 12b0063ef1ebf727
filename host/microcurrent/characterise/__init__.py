"""The table that describes an output: voltage, current and charge at known resistors, measured."""
