"""Telemetry and faults of any number of boards to an MQTT broker and to Prometheus. It reads; it commands nothing.

messages.py says which topics there are and what is in them. One thread per port (reader.py) turns what a board tells
into messages; one loop (service.py) writes them to the spool (spool.py) and hands them to the broker (broker.py).
"""
