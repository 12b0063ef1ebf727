"""microcurrent: host side of an open controller for microcurrent stimulators. Not a medical device."""

__version__ = "0.2.0"
