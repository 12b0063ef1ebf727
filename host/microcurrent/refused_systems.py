"""Systems of the field that microcurrent refuses, each with the reason, its currents beside ours, and what is offered.

Sources: domain survey sections 1.9, 2 and 3, as tagged there.
"""

from dataclasses import dataclass

from .errors import RefusedError


@dataclass(frozen=True)
class RefusedSystem:
    """names: what people type. theirs: its currents; reason: why it is refused; instead: what is offered."""

    title: str
    names: tuple[str, ...]
    theirs: str
    reason: str
    instead: str


OURS = "microcurrent: at most 600 uA (face 300 uA), 1 mA by hardware"
REFUSED = (
    RefusedSystem(
        "cranial electrotherapy",
        ("ces", "cranial", "electrosleep"),
        "10 to 600 uA from ear to ear (practice, excerpt)",
        "the current would pass through the head and reach the brain, which IEC 60601-2-10 warns of (201.7.9.2.101 "
        "d-h, excerpt); one-sided placement on the face is another thing",
        "nothing with both electrodes across the head; rests by chance (--rest-random) are there for body sites",
    ),
    RefusedSystem(
        "TENS",
        ("tens",),
        "1 to 80 mA, meant to be felt (practice, excerpt)",
        "the hardware ends at 1 mA, where sensation begins, and every rule is made so that nothing is felt",
        "muscle-pain, nerve-pain or inflammation: below the threshold of sensation, without any claim",
    ),
    RefusedSystem(
        "EMS, myostimulation",
        ("ems", "nmes", "myostimulation"),
        "10 to 100 mA, meant to contract muscles (unverified)",
        "a hundred times what this device can deliver; powered muscle stimulators are devices of another class",
        "lift or relax: no contraction, and none is claimed",
    ),
    RefusedSystem(
        "galvanic disincrustation",
        ("disincrustation", "desincrustation", "galvanic"),
        "0.5 to 3 mA of direct current with an alkaline product (unverified)",
        "direct current of that size makes lye under the cathode and can burn the skin; ours is at most 100 uA and "
        "0.5 mA/cm2 without reversal, for 20 min (customary in iontophoresis, excerpt)",
        "sebum: biphasic, without net charge",
    ),
    RefusedSystem(
        "iontophoresis above the unipolar caps",
        ("iontophoresis", "ionophoresis"),
        "up to 0.5 mA/cm2 for minutes, some mA in all (customary, excerpt)",
        "currents that do not reverse are capped at 100 uA and 0.5 mA/cm2: net charge moves ions and the skin's pH",
        "penetration: a serum under unipolar current within those caps",
    ),
    RefusedSystem(
        "mesotherapy, electroporation",
        ("mesotherapy", "electroporation"),
        "pulses of 50 V and more that open the skin's barrier (unverified)",
        "the output stage ends at 10 V, and opening the barrier is an intervention, no cosmetic step",
        "penetration",
    ),
)  # fmt: skip


def refused_system(name: str) -> RefusedSystem | None:
    """The system that somebody means, by one of its names."""
    return next((system for system in REFUSED if name.lower() in system.names), None)


def refuse_if_known(name: str) -> None:
    """Raise RefusedError with the whole explanation when `name` is a system that is refused."""
    system = refused_system(name)
    if system is not None:
        raise RefusedError(
            f"{system.title} is refused: {system.reason} (theirs: {system.theirs}; {OURS}); nothing was started; "
            f"offered instead: {system.instead}"
        )
