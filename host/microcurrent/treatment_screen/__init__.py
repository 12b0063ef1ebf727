"""The full-screen view of a treatment, for terminals: what is seen (seen.py) is drawn part by part (parts.py)."""
