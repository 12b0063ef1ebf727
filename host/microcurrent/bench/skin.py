"""What hangs between the electrodes: R_s + R_p || C_p, presets per cm2 of electrode, and plain resistors.

Skin values: chosen to straddle measurements of Rosell et al. 1988 on gelled, unprepared skin (|Z| at 1 Hz from 10 kohm
to 1 Mohm per cm2), not copied from a table. First order in area: resistance falls with it, capacity grows. The
fall of R_p with current that real skin shows is not modelled.
"""

from dataclasses import dataclass

from ..errors import BadValueError

MM2_PER_CM2 = 100


@dataclass(frozen=True)
class Load:
    """A load: `series_ohm` + (`parallel_ohm` || `capacity_nf`). A plain resistor has its value in `series_ohm`."""

    name: str
    series_ohm: float
    parallel_ohm: float = 0.0
    capacity_nf: float = 0.0
    scales: bool = False  # whether the values are per cm2 of electrode

    def on_area(self, area_mm2: float) -> "Load":
        """This load under electrodes of `area_mm2`; resistors and an open circuit do not depend on it."""
        if not self.scales:
            return self
        cm2 = area_mm2 / MM2_PER_CM2
        return Load(self.name, self.series_ohm / cm2, self.parallel_ohm / cm2, self.capacity_nf * cm2)


PRESETS = {
    load.name: load
    for load in (
        Load("good", 300.0, 20e3, 60.0, scales=True),  # gelled, prepared
        Load("typical", 500.0, 100e3, 40.0, scales=True),  # gelled, unprepared
        Load("dry", 1500.0, 1e6, 15.0, scales=True),  # no gel
        Load("open", 1500.0, 50e6, 0.1),  # electrode lifted: stray capacity and leakage
        Load("short", 0.0),
        Load("500R", 500.0),
        Load("1k", 1000.0),
        Load("2k", 2000.0),
        Load("4k7", 4700.0),
        Load("10k", 10000.0),
    )
}


def load_of(name: "str | Load", area_mm2: float) -> Load:
    """The load `name` under electrodes of `area_mm2` (a Load is taken as it is).

    Raises BadValueError for an unknown name or an area that is not positive.
    """
    if not area_mm2 > 0:
        raise BadValueError(
            f"an electrode area of {area_mm2} mm2 is not positive; the load is unchanged; "
            f"give the area in mm2, for example 1000"
        )
    if isinstance(name, Load):
        return name.on_area(area_mm2)
    if name not in PRESETS:
        raise BadValueError(f"there is no load {name!r}; the load is unchanged; choose one of: {', '.join(PRESETS)}")
    return PRESETS[name].on_area(area_mm2)
