"""Windows of time are what the clock on the wall says, at midnight and where the clock is changed, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision.sites.windows import describe_opening, find_opening, is_open, parse_windows

BERLIN = "Europe/Berlin"
ZONES = (BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
# Around the ends and the beginnings of summer time as well as anywhere else.
MOMENTS = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.datetimes(datetime(2026, 3, 28), datetime(2026, 4, 6)),
    st.datetimes(datetime(2026, 10, 24), datetime(2026, 11, 2)),
).map(lambda moment: moment.replace(tzinfo=UTC))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return a window as an operator writes it."""
    begin, end = draw(TIMES), draw(TIMES)
    days = draw(st.sampled_from([*DAYS, "Mon-Fri", "Sat-Sun", "Fri-Mon"]))
    return f"{days} {begin}-{'24:00' if begin == end else end} {draw(st.sampled_from(ZONES))}"


def at(text: str, zone: str = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("Sat 01:00-05:00 Europe/Berlin", "2026-11-28T01:00", True),
        ("Sat 01:00-05:00 Europe/Berlin", "2026-11-28T04:59:59", True),
        ("Sat 01:00-05:00 Europe/Berlin", "2026-11-28T05:00", False),
        ("Sat 01:00-05:00 Europe/Berlin", "2026-11-28T00:59:59", False),
        ("Sat 01:00-05:00 Europe/Berlin", "2026-11-29T02:00", False),
        ("Sat 01:00-05:00 UTC", "2026-11-28T01:30", False),
        ("Fri 22:00-04:00 Europe/Berlin", "2026-11-27T23:00", True),
        ("Fri 22:00-04:00 Europe/Berlin", "2026-11-28T03:59", True),
        ("Fri 22:00-04:00 Europe/Berlin", "2026-11-27T03:00", False),
        ("Sun 22:00-04:00 Europe/Berlin", "2026-11-30T03:00", True),
        ("Mon-Fri 20:00-24:00 Europe/Berlin", "2026-11-27T23:59", True),
        ("Mon-Fri 20:00-24:00 Europe/Berlin", "2026-11-28T00:00", False),
        ("Sat-Mon 00:00-24:00 Europe/Berlin", "2026-11-30T12:00", True),
        ("Tue 01:00-02:00 UTC, sat 01:00-05:00  Europe/Berlin", "2026-11-28T01:00", True),
        ("", "2026-11-28T01:00", True),
    ],
)
def test_a_moment_is_in_a_window_or_outside(text: str, moment: str, expected: bool) -> None:
    assert is_open(parse_windows(text), at(moment)) == expected


@pytest.mark.parametrize(
    ("moment", "fold", "expected"),
    [
        ("2026-03-29T01:59", 0, True),
        ("2026-03-29T03:00", 0, False),  # a minute later
        ("2026-10-25T02:29", 0, True),
        ("2026-10-25T02:30", 0, False),
        ("2026-10-25T02:29", 1, True),  # the clock shows it for the second time
        ("2026-10-25T02:30", 1, False),
    ],
)
def test_a_clock_that_is_changed_opens_no_time_that_was_not_named(
    moment: str, fold: int, expected: bool
) -> None:
    windows = parse_windows("Sun 01:00-02:30 Europe/Berlin")
    assert is_open(windows, at(moment, fold=fold).astimezone(UTC)) == expected


@pytest.mark.parametrize(
    ("text", "moment", "opens"),
    [
        ("Sat 01:00-05:00 Europe/Berlin", "2026-11-27T12:00", "Sat 2026-11-28 01:00 Europe/Berlin"),
        ("Sat 01:00-05:00 Europe/Berlin", "2026-11-28T05:00", "Sat 2026-12-05 01:00 Europe/Berlin"),
        ("Sat 01:00-05:00 UTC", "2026-11-27T12:00", "Sat 2026-11-28 01:00 UTC"),
        ("Tue 03:00-04:00 UTC,Mon 03:00-04:00 UTC", "2026-11-27T12:00", "Mon 2026-11-30 03:00 UTC"),
        # the hour that the clock leaves out opens a week later, or with its rest
        ("Sun 02:00-03:00 Europe/Berlin", "2026-03-28T12:00", "Sun 2026-04-05 02:00 Europe/Berlin"),
        ("Sun 02:30-04:00 Europe/Berlin", "2026-03-28T12:00", "Sun 2026-03-29 03:00 Europe/Berlin"),
    ],
)
def test_an_operator_is_told_when_a_window_opens(text: str, moment: str, opens: str) -> None:
    assert describe_opening(parse_windows(text), at(moment)) == f"opens {opens}"


@given(texts(), MOMENTS)
@settings(max_examples=60, deadline=None)
def test_the_opening_is_the_first_open_minute(text: str, moment: datetime) -> None:
    windows = parse_windows(text)
    opening = find_opening(windows, moment)
    assert opening
    assert opening > moment
    assert is_open(windows, opening)
    before = opening.astimezone(UTC) - timedelta(minutes=1)
    assert before <= moment or not is_open(windows, before)


@given(texts(), MOMENTS)
def test_a_window_is_open_only_at_times_that_its_text_names(text: str, moment: datetime) -> None:
    days, times, zone = text.split()
    begin, end = times.split("-")
    wall = moment.astimezone(ZoneInfo(zone))
    shown = f"{wall:%H:%M}"
    named = begin <= shown < end if begin < end else shown >= begin or shown < end
    if is_open(parse_windows(text), moment):
        assert named
    elif "-" not in days and wall.strftime("%a") == days:
        assert not named or shown < end <= begin


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("Sat", "it must have the form"),
        ("Sat 1:00-5:00 UTC", "it must have the form"),
        ("Sat 01:00-05:00", "it must have the form"),
        ("Saturday 01:00-05:00 UTC", "it must have the form"),
        ("Sat 01:00-05:00 UTC,", "it must have the form"),
        ("Sat 01:00-25:00 UTC", "25:00 is not a time of day"),
        ("Sat 01:60-05:00 UTC", "01:60 is not a time of day"),
        ("Sat 01:00-01:00 UTC", "it must end after it begins"),
        ("Sat 24:00-05:00 UTC", "it must end after it begins"),
        ("Sat 01:00-05:00 Europe/Berlni", "the time zone Europe/Berlni is not known"),
        ("Sat 01:00-05:00 Europe", "the time zone Europe is not known"),
        ("Sat 01:00-05:00 /etc/passwd", "the time zone /etc/passwd is not known"),
        (5, "it must be a text"),
    ],
)
def test_a_mistake_is_named(value: object, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_windows(value)
    assert words in str(caught.value)
