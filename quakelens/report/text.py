"""Strangers' words and addresses made safe to show, and figures made readable."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\u2028\u2029]")
"""C0 and C1 but tab and newline; the two overrides of writing direction, which no honest text needs."""

_FORMULA = re.compile("(?:^|(?<=[;,|\"'\t\r\n]))(?=[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n])")
"""Before what begins a formula, also in full width, at the start of a text or after a separator or a quote."""

_LONGEST_URL = 2000


def clean(text: str | None) -> str:
    """Text without control characters and without overrides of the writing direction."""
    return _CONTROLS.sub("", (text or "").replace("\r\n", "\n").replace("\r", "\n")).strip()


def one_line(text: str | None) -> str:
    """`clean`, with every run of white space made one blank: for names and places."""
    return " ".join(clean(text).split())


def web_link(url: str | None) -> str | None:
    """The address if it is a plain http or https one that a link may carry, else None."""
    if not url or len(url) > _LONGEST_URL or re.search(r"[\s\x00-\x1f<>\"'`\\{}|^]", url):
        return None
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.username is None
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and named else None


def csv_text(value: str | None) -> str:
    """Text that no spreadsheet takes for a formula: what could begin one gets an apostrophe before it.

    Within the text, too, after what may end a cell where a spreadsheet goes by other separators than commas, as it
    does in many countries. Source: OWASP, CSV Injection.
    """
    return _FORMULA.sub("'", value or "")


def iso(time: datetime) -> str:
    """UTC as `2020-10-30T11:51:27Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(time: datetime) -> str:
    """UTC for people, as `30 Oct 2020, 11:51:27 UTC`."""
    moment = time.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def utc_short(time: datetime) -> str:
    """UTC for people, without year and seconds, as `30 Oct, 11:51 UTC`."""
    moment = time.astimezone(UTC)
    return f"{moment.day} {moment:%b, %H:%M} UTC"


def duration(seconds: float) -> str:
    """A length of time in its two largest units, as `3 h 12 min`; the sign is dropped."""
    total = round(abs(seconds))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return _two(total, 60, "min", "s")
    if total < 86_400:
        return _two(total // 60, 60, "h", "min")
    return _two(total // 3600, 24, "d", "h")


def since(origin: datetime, time: datetime) -> str:
    """When, as seen from the origin time: `3 h 12 min after` or `2 d before`."""
    seconds = (time - origin).total_seconds()
    return f"{duration(seconds)} {'before' if seconds < 0 else 'after'}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its word, as `1 post` or `1,204 posts`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """Percentage with as many digits as it needs; `0 %` of nothing."""
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


def _two(total: int, base: int, large: str, small: str) -> str:
    whole, rest = divmod(total, base)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"
