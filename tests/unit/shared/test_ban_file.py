"""The ban file that fail2ban's action writes, and that the receiver and the agent read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from banstitch_shared import ban_file
from banstitch_shared.ban_file import FOREVER, Ban
from hypothesis import given
from hypothesis import strategies as st

from provision.linux.agent import spool
from tests import PROJECT
from tests.unit.receiver.receiver_app import module

SPOOL_0_1 = PROJECT / "tests" / "fixtures" / "site_0_1" / "host" / "var" / "spool" / "banstitch"
SECONDS = st.integers(0, 2**40).map(float)
BANS = st.lists(
    st.builds(
        Ban,
        st.ip_addresses().map(str),
        SECONDS | st.just(FOREVER),
        SECONDS,
        st.integers(0, 99),
        st.integers(1, 99),
    ),
    max_size=9,
)


def write(bans: list[Ban]) -> str:
    return ban_file.join_lines(map(ban_file.format_ban, bans))


@given(BANS)
def test_bans_are_read_as_they_were_written(bans: list[Ban]) -> None:
    assert ban_file.parse_bans(write(bans)) == bans
    assert list(ban_file.read_bans(io.StringIO(write(bans)))) == bans
    assert ban_file.salvage_bans(write(bans)) == (bans, True)


@given(BANS, st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_is_recognised_and_its_whole_lines_count(
    bans: list[Ban], part: float
) -> None:
    text = write(bans)
    cut = text[: int(len(text) * part)]
    found, is_whole = ban_file.salvage_bans(cut)
    assert not is_whole
    assert found == bans[: len(found)]
    assert len(found) >= min(cut.count("\n") - 1, len(bans))
    with pytest.raises(ValueError, match="cut"):
        ban_file.parse_bans(cut)
    with pytest.raises(ValueError, match=r"."):
        list(ban_file.read_bans(io.StringIO(cut)))


@pytest.mark.parametrize(
    "line",
    [
        "45.1.2.3 soon 1 3 1",
        "45.1.2.3 -2 1 3 1",
        "45.1.2.3 1e16 1 3 1",
        "45.1.2.3 nan 1 3 1",
        "45.1.2.3 inf 1 3 1",
        "45.1.2.3 -1 1 3 9999999999",
        "45.1.2.3 -1 1 3",
        "45.1.2.3 -1 1 3 1 1",
        "",
    ],
)
def test_a_line_that_is_no_ban_costs_no_other_ban(line: str) -> None:
    good = ban_file.format_ban(Ban("45.1.2.4", FOREVER, 1.0, 3, 1))
    text = ban_file.join_lines([good, line + "\n", good])
    assert [ban.address for ban in ban_file.salvage_bans(text)[0]] == ["45.1.2.4", "45.1.2.4"]
    assert not ban_file.salvage_bans(text)[1]
    with pytest.raises(ValueError, match=r"."):
        ban_file.parse_bans(text)


@pytest.mark.parametrize("path", sorted(SPOOL_0_1.glob("*.bans")), ids=lambda path: path.name)
def test_each_program_reads_every_ban_of_version_0_1(path: Path) -> None:
    bans = ban_file.parse_bans(path.read_text())
    assert len(bans) == len(path.read_text().splitlines()) - 2
    assert module("spool").read_bans(str(path))[1] == bans
    assert spool.read_bans(str(path.parent), path.stem) == bans


def test_an_end_is_rounded_up() -> None:
    assert [ban_file.round_end(until) for until in (5.0, 5.01, FOREVER)] == [5, 6, -1]
