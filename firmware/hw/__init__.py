"""The only code that imports `machine`: pins, buses, timers and flash."""
