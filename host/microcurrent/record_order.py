"""The order in which sessions took place, which the clock may contradict."""

from collections.abc import Collection, Sequence


def sorted_by_start(sessions: Sequence[tuple[str, str]], imported: Collection[str]) -> tuple[list[str], set[str]]:
    """(ids in the order of their beginning, ids of those that begin by the clock before one that had begun earlier).

    sessions: (id, start as ISO text) as they were added here. imported: ids of those that took place elsewhere: their
    clock is another, so that alone says where among the others they stand.
    """
    keys: dict[str, str] = {}
    back: set[str] = set()
    latest = ""
    for number, started in sessions:
        if number not in imported:
            if started < latest:
                back.add(number)
            latest = max(latest, started)
        keys[number] = started if number in imported else latest
    return sorted(keys, key=lambda number: keys[number]), back  # the sort keeps the order of equals
