"""The ESP32's files on MicroPython's unix port, against a machine module as strict as the ESP32's."""
