"""A FortiGate's own reports about its feed, and the number of entries that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.fortios.config.feed import (
    FeedState,
    find_feed_limit,
    make_list_command,
    parse_ranges,
    parse_statistics,
)
from provision.fortios.config.object_id import ObjectId
from provision.fortios.session.fortigate import FortiGateSession
from provision.ssh.connection import Access
from provision.ssh.login import Login
from tests.simulator import Options, Simulator
from tests.unit.fortios.fortios_wire import Wire
from tests.unit.simulator.loop_config import Web, serve

NAME = "banstitch_feed"
FEED = (
    'config system external-resource\nedit "{name}"\nset type address\n'
    "set resource http://127.0.0.1:{port}/feed\nnext\nend\n"
)
NEGATED = (
    'config vpn ssl settings\nset source-address "{name}"\nset source-address-negate enable\nend\n'
)
LINE = (
    "name: banstitch_feed; uuid_idx: 15846; type: address table; update_method: feed; "
    "total lines: 12; valid lines: 11; error lines: 1; used: yes; buildable: 11; "
    "total in count file: 11; ranges: 0;"
)


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as made:
        yield made


def read(wire: Wire, name: str = NAME, scope: str = "") -> FeedState:
    access = Access(Path("none"), accept_new=False)
    login = Login("fgt", "192.0.2.1", "operator", password="fortinet")
    with FortiGateSession(login, access) as session:
        assert session.facts
        return session.read_feed(ObjectId(scope, "system external-resource", name))


def start(wire: Wire, web: Web, body: str, name: str = NAME, **options: object) -> None:
    wire.fortigate = Simulator(Options(**options))  # type: ignore[arg-type]
    web.body = body.encode()
    scope = "global" if name.startswith("g-") else ""
    wire.fortigate.run_in(scope, FEED.format(name=name, port=web.port))
    wire.fortigate.run_in("root" if scope else "", NEGATED.format(name=name))
    wire.fortigate.poll_feeds()
    wire.fortigate.journal.clear()


@pytest.mark.parametrize(("name", "vdoms"), [(NAME, ()), (f"g-{NAME}", ("root", "branch"))])
def test_lines_errors_use_and_addresses_are_read_and_nothing_changes(
    wire: Wire, web: Web, name: str, vdoms: tuple[str, ...]
) -> None:
    start(wire, web, "203.0.113.7\n203.0.113.8\n198.51.100.0/24\nno line\n", name, vdoms=vdoms)
    found = read(wire, name, "global" if vdoms else "")
    assert (found.lines, found.valid, found.errors, found.words) == (4, 3, 1, "")
    assert found.used
    assert not found.truncated
    assert found.find_missing(["203.0.113.7", "198.51.100.64/26"]) == ()
    assert found.find_missing(["203.0.113.9", "203.0.113.0/24"]) == (
        "203.0.113.9",
        "203.0.113.0/24",
    )
    assert wire.fortigate.journal.changing() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"diagnose": "absent"}, "command parse error before 'external-resource'"),
        ({"diagnose": "refused", "profile": "prof"}, "Return code -37"),
        (
            {"diagnose": "refused", "profile": "prof", "denied_words": "Permission denied"},
            "Permission denied",
        ),
    ],
)
def test_a_fortigate_that_shows_no_statistics_is_quoted(
    wire: Wire, web: Web, options: dict[str, str], words: str
) -> None:
    start(wire, web, "203.0.113.7\n", **options)
    found = read(wire)
    assert words in found.words
    assert found.ranges is None


def test_a_feed_that_was_never_fetched_is_not_in_the_statistics(wire: Wire) -> None:
    assert "do not mention banstitch_feed" in read(wire).words


def test_a_list_that_was_cut_off_is_recognized_and_not_read(wire: Wire, web: Web) -> None:
    lines = "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(131080))
    start(wire, web, lines, version="7.2.11")
    found = read(wire)
    assert (found.lines, found.valid, found.truncated) == (131080, 131072, True)
    assert found.ranges is None


def test_statistics_of_other_feeds_do_not_count() -> None:
    theirs = LINE.replace("name: banstitch_feed", "name: theirs; x: name: banstitch_feed")
    found = parse_statistics(f"{theirs}\n{LINE}\n", NAME)
    assert found == FeedState(12, 11, 1, truncated=False, used=True)
    assert parse_statistics(theirs, NAME) is None


@pytest.mark.parametrize("number", ["", "-1", "1" * 5000, "\u0663", "many"])
def test_a_number_that_is_none_counts_as_zero(number: str) -> None:
    found = parse_statistics(LINE.replace("total lines: 12", f"total lines: {number}"), NAME)
    assert found is not None
    assert found.lines == 0


def test_ranges_are_merged_and_anything_else_is_left_out() -> None:
    text = (
        "IPv4 ranges of uuid-idx 15846 (num=4)\n10.0.0.5-10.0.0.9\r\n10.0.0.1-10.0.0.4\n"
        "999.0.0.1-999.0.0.2\n10.0.0.1 10.0.0.2\n2001:db8::1-2001:db8::2\n"
    )
    assert parse_ranges(text) == ((0x0A000001, 0x0A000009),)


def test_the_name_of_a_feed_is_quoted() -> None:
    assert make_list_command(NAME).endswith('list "banstitch_feed"')


@pytest.mark.parametrize(
    ("model", "version", "limit"),
    [
        ("FortiGate-2601F", (7, 2, 11), 131_072),
        ("FortiGate-2601F", (7, 4, 3), 131_072),
        ("FortiGate-60F", (7, 4, 4), 300_000),
        ("FortiGate-2601F", (7, 6, 2), 300_000),
        ("FortiGate-VM64-KVM", (7, 6, 2), 300_000),
        ("FortiGate-VM64-KVM", (7, 6, 3), 168_928),
        ("FortiGate-90G", (7, 6, 3), 300_000),
        ("FortiWiFi-61F", (8, 0, 0), 300_000),
        ("FortiGate-100F", (7, 6, 3), 1_000_000),
        ("FortiGate-901G", (8, 0, 0), 1_000_000),
        ("FortiGate-1001F", (8, 0, 0), 5_000_000),
        ("FortiGate", (8, 0, 0), 300_000),
    ],
)
def test_the_limit_of_a_feed_follows_version_and_model(
    model: str, version: tuple[int, int, int], limit: int
) -> None:
    assert find_feed_limit(model, version) == limit
