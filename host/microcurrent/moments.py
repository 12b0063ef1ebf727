"""Instants and calendar days. Every function takes the present as an argument; nothing here asks a clock.

An instant is an aware datetime or ISO 8601 text with an offset, as records keep it. Days are those of a named time
zone: a day of 23 or 25 hours is one day.
"""

import os
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from .errors import BadValueError

Instant = str | datetime
UTC_NAME = "UTC"
_LOCALTIME = Path("/etc/localtime")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)  # fromisoformat would also take weeks
_LONGEST_NAME = 64  # ours: the longest zone's name has 32 characters


def instant(value: Instant) -> datetime:
    """`value` as an aware datetime in UTC. Raises BadValueError for what is no instant, or has no offset."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, TypeError, AttributeError, OverflowError):
        pass
    raise BadValueError(
        f"{value!r:.60} is no date and time with an offset; nothing was done; write for example "
        f"2026-03-01T18:30:00+00:00"
    )


def text(value: Instant) -> str:
    """An instant as records keep it: UTC, to the millisecond."""
    return instant(value).isoformat(timespec="milliseconds")


def day(value: Instant, zone: tzinfo) -> date:
    """The calendar day of an instant in `zone`."""
    return instant(value).astimezone(zone).date()


def parse_day(written: str) -> date:
    """A day written as 2026-03-01. Raises BadValueError."""
    try:
        if _DAY.fullmatch(written):
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise BadValueError(
        f"{written!r:.60} is no day; nothing was done; write year, month and day, for example 2026-03-01"
    )


def end_of(last: date, zone: tzinfo) -> datetime:
    """The instant at which the day `last` is over in `zone`."""
    after = last + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)


def zone(name: str) -> ZoneInfo:
    """The time zone of that name, such as Europe/Berlin. Raises BadValueError for an unknown one."""
    try:
        if 0 < len(name) <= _LONGEST_NAME:
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    raise BadValueError(
        f"{name!r:.60} is no time zone this machine knows; nothing was done; write for example Europe/Berlin, or UTC"
    )


def local_zone_name(environment: str | None = None, link: Path = _LOCALTIME) -> str:
    """The name of this machine's time zone: from TZ, else from /etc/localtime, else UTC.

    environment: what to take for the variable TZ; None: what it holds.
    """
    named = (os.environ.get("TZ") if environment is None else environment) or ""
    for candidate in (named.removeprefix(":"), _linked_name(link), UTC_NAME):
        try:
            return zone(candidate).key
        except BadValueError:
            continue
    return UTC_NAME


def _linked_name(link: Path) -> str:
    """Etc/UTC for a link to /usr/share/zoneinfo/Etc/UTC; nothing for a plain file."""
    try:
        return str(link.readlink()).partition("zoneinfo/")[2]
    except OSError:
        return ""
