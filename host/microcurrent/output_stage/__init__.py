"""The output stage: netlists, drawing, parts list, SPICE suite and page, from boards/output_stage/circuit.py."""
