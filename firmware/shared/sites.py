"""Where electrodes may be placed: the names that programmes, thresholds and records use, and the zone that each is in.

Not among them, because current is refused there or nobody should begin with it: the front of the neck (carotid sinus),
the temples, the lids and the inside of the orbital rim, chest and upper back, and any pair with the head between it
(IEC 60601-2-10, 201.7.9.2.101 d-h, excerpt; NuFACE Mini manual, excerpt).
"""

from . import waveform

_FACE = ("forehead", "cheek", "nasolabial", "mouth", "jaw", "chin", "ear")  # ear: in front of it
_EYES = ("brow", "eye_outer", "eye_under")
_BODY = (
    "shoulder", "arm", "elbow", "wrist", "hand", "lower_back", "hip", "thigh", "knee", "calf", "ankle", "foot",
)  # fmt: skip
SITES = _FACE + _EYES + _BODY
SIDES = ("left", "right", "middle")


def zone_of(site):
    """The zone of shared/waveform.py that a site is in; "" for an unknown site."""
    if site in _FACE:
        return waveform.FACE
    if site in _EYES:
        return waveform.EYES
    return waveform.BODY if site in _BODY else ""


def is_face(site):
    """True for sites of the head."""
    return site in _FACE or site in _EYES
