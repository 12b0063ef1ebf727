"""What a board's waveform engine can do, and what it measures of itself, as people read it."""

from .build import board_constants, known_boards

# CPU cycles per us by a board's port. rp2: MicroPython sets clk_sys to 125 MHz at boot (its ports/rp2; RP2040 data
# sheet, section 2.15). Others have no row: an ESP32 scales its clock, so that cycles alone are what is known.
_CYCLES_PER_US = {"rp2": 125}


def capability_text(identity: dict) -> str:
    """How many outputs, and how often they take a sample at the most; identity: the reply to hello."""
    outputs = identity.get("channels", 1)
    shortest_us = identity.get("sample_us")  # older firmware does not tell
    what = "1 output" if outputs == 1 else f"{outputs} outputs"
    if not shortest_us:
        return what
    each = " each" if outputs > 1 else ""
    return f"{what}, at most {1000 / shortest_us:.1f} kS/s{each} (a sample every {shortest_us} us)"


def measured_text(rows: list[dict[str, int]], board: str, sample_us: int | None) -> str:
    """The engine's self-measurement: rows are the present telemetry of one channel or two."""
    first = rows[0]
    missed = " + ".join(str(row["missed"]) for row in rows)
    return (
        f"{first['samples']} samples, {missed} missed, {first['late']} late (worst {first['worst_late_us']} us); "
        f"longest interrupt {cost_text(first['worst_cycles'], board, sample_us)}; bus errors since boot: "
        f"{first['bus_errors']}"
    )


def cost_text(cycles: int, board: str = "", sample_us: int | None = None) -> str:
    """The longest sample interrupt: '2566 cycles (20.5 us, 8.2 % of 250 us)', as far as it is known.

    board: its name; sample_us: the time between two samples.
    """
    cycles_per_us = _CYCLES_PER_US.get(board_constants(board).PORT) if board in known_boards() else None
    if not cycles_per_us or not cycles:
        return f"{cycles} cycles"
    us = cycles / cycles_per_us
    share = f", {100 * us / sample_us:.1f} % of {sample_us} us" if sample_us else ""
    return f"{cycles} cycles ({us:.1f} us{share})"
