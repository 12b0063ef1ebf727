"""Measured perception thresholds per subject, site and side: what somebody felt, and the ceiling that follows from it.

Thresholds vary from day to day. One older than VALID_DAYS, or dated in the future because the clock was set back, is no
permission for anything any more; it still lowers a limit.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from firmware.shared import rules, sites

from . import moments, subjects
from .errors import BadValueError, RecordError
from .moments import Instant
from .record_reader import StoredSessions
from .records import Records

VALID_DAYS = 90  # ours: a season, in which skin changes
LOWEST_UA, HIGHEST_UA = 1, 1000  # as the setting threshold_ua of the board; 0 there means none


@dataclass(frozen=True)
class Threshold:
    """The threshold that counts now. fresh: False when it only lowers; note: what a person should be told, or empty."""

    threshold_ua: int
    at_utc: str
    fresh: bool
    note: str

    @property
    def ceiling_ua(self) -> int:
        """The most that stays below it with a margin, floored, uA: the device's own rule."""
        return self.threshold_ua * rules.PERSONAL_PERCENT // 100


def store(
    records: Records,
    subject: str,
    site: str,
    side: str,
    threshold_ua: int,
    detail: Mapping[str, object],
    now_utc: Instant,
) -> str:
    """Keep a measured threshold and return its id. detail: the wave and the staircase. Raises BadValueError."""
    _check_place(site, side)
    if type(threshold_ua) is not int or not LOWEST_UA <= threshold_ua <= HIGHEST_UA:
        raise BadValueError(
            f"a threshold of {threshold_ua!r:.20} uA is not taken, it may be {LOWEST_UA} to {HIGHEST_UA}; nothing was "
            f"stored; measure it again"
        )
    number = str(uuid.uuid4())
    kept = {"id": number, "subject": subjects.checked(subject), "site": site, "side": side}
    kept |= {"at_utc": moments.text(now_utc), "threshold_ua": threshold_ua, "detail": dict(detail)}
    records.add("thresholds", kept)
    return number


def newest(stored: StoredSessions, subject: str, site: str, side: str, now_utc: Instant) -> int | None:
    """The threshold in uA that may serve as a permission: measured within VALID_DAYS; None when there is none."""
    found = held(stored, subject, site, side, now_utc)
    return found.threshold_ua if found and found.fresh else None


def held(stored: StoredSessions, subject: str, site: str, side: str, now_utc: Instant) -> Threshold | None:
    """The newest threshold of that place, old or not; None when none was measured. Raises BadValueError, RecordError.

    Where the clock was set back, the newest by date and the last that was stored differ: the lower counts.
    """
    _check_place(site, side)
    rows = [row for row in stored.rows("thresholds", subject) if (row["site"], row["side"]) == (site, side)]
    if not rows:
        return None
    candidates = [max(rows, key=lambda row: row["at_utc"]), *stored.last_stored(rows)]
    row = min(candidates, key=lambda row: row["threshold_ua"])
    try:
        age = moments.instant(now_utc) - moments.instant(row["at_utc"])
    except BadValueError:
        raise RecordError(
            f"the threshold {row['id'][:8]} in {stored.path} is damaged, its date is {row['at_utc']!r:.40}; "
            f"nothing was changed; restore a backup, or choose another place with --data-dir"
        ) from None
    why = ""
    if age < timedelta(0):
        why = "is dated in the future: the clock was set back"
    elif age > timedelta(days=VALID_DAYS):
        why = f"is {age.days} days old, more than {VALID_DAYS}"
    note = f"the threshold of {side} {site} {why}; it only lowers the limit; measure again: microcurrent threshold"
    return Threshold(row["threshold_ua"], row["at_utc"], not why, note if why else "")


def lowered(limit_ua: int, found: Threshold | None) -> int:
    """A limit in uA with the personal ceiling: never higher than it was, whatever the threshold's age."""
    return limit_ua if found is None else min(limit_ua, found.ceiling_ua)


def _check_place(site: str, side: str) -> None:
    for what, value, names in (("site", site, sites.SITES), ("side", side, sites.SIDES)):
        if value not in names:
            raise BadValueError(
                f"{value!r:.40} is no {what}; nothing was stored or read; there are: {', '.join(names)}"
            )
