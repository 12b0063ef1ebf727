"""How many rows each part of the screen gets: first what must be seen, then more of it as there is room."""

MAP_WIDTH, MAP_WIDTH_LARGE = 28, 44
MAP_FROM, LARGE_FROM = 70, 110  # columns
_MAP_ROWS = 12  # a face in fewer cannot be recognised
_GAP = 2  # columns beside the map

# Rows in the order of the screen. "map" stands beside everything from place to spark.
COLUMN = ("place", "move", "hold", "figures", "facts", "impedances", "terms", "contact", "spark")
_LEAST = {"head": 1, "place": 1, "move": 1, "hold": 1, "figures": 4, "facts": 1, "impedances": 0, "terms": 1,
          "contact": 1, "spark": 1, "box": 2, "notes": 0, "keys": 1}  # fmt: skip
_FIRST_TO_GO = ("facts", "spark", "terms", "move", "hold", "contact", "box", "head", "place", "figures")


def layout(width: int, height: int, channels: int, box_rows: int) -> dict[str, int]:
    """Rows by part, 0 for what is not seen, and the columns of "map_width" and "width" (of what is beside it).

    box_rows: what the box's text needs in full; it takes them from the notes.
    """
    rows = dict(_LEAST)
    map_width = 0 if width < MAP_FROM else MAP_WIDTH if width < LARGE_FROM else MAP_WIDTH_LARGE
    column = width - (map_width + _GAP if map_width else 0) - 2
    spare = height - sum(rows.values())
    for part in _FIRST_TO_GO:
        while spare < 0 and rows[part]:
            rows[part] -= 1
            spare += 1
    for part, more, needed in _upgrades(column, height, channels):
        if spare >= more and rows[part] and height >= needed:
            rows[part] += more
            spare -= more
            if part == "figures" and rows["facts"]:  # its time has a large figure now, and of one channel its ohms too
                rows["facts"], rows["impedances"] = 0, channels - 1
                spare += 2 - channels
    rows["notes"] += spare if spare > 0 else 0
    wanted = max(0, min(box_rows - rows["box"], rows["notes"])) if rows["box"] > 2 else 0
    rows["box"] += wanted
    rows["notes"] -= wanted
    beside = sum(rows[part] for part in COLUMN)
    if beside < _MAP_ROWS:
        map_width, column = 0, width - 2
    return rows | {"map": beside if map_width else 0, "map_width": map_width, "width": column}


def _upgrades(column: int, height: int, channels: int) -> list[tuple[str, int, int]]:
    """(part, more rows, least height of the screen), the most useful first."""
    found = [("figures", 4, 18), ("box", 2, 18), ("move", 1, 20), ("notes", 2, 22), ("place", 1, 28)]
    found += [("spark", 1, 26), ("hold", 1, 28), ("figures", 1, 30)]
    if column >= 62:
        found.append(("figures", 5, 34))  # large ones
    return [*found, ("spark", 1, 32), ("terms", 1, 34), ("notes", 3, 34), ("contact", 1, 36), ("spark", 1, 38)]
