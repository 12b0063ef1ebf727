"""The output stage in ngspice: the quick form of `make spice`."""
