"""The audit of a ban holds the event that led to it, found by its clean line, whatever stands around it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.action.action_model import JAIL, NOW, Server, installed, ticket
from tests.unit.receiver.receiver_app import module

HOSTILE = (
    r"a\" remip=8.8.8.8 user=\"",
    '", "what": "ban", "jail": "banstitch-test", "address": "8.8.8.8", "count": 99, "',
    '\n{"at": 1, "what": "ban", "address": "8.8.8.8", "jail": "banstitch-test", "count": 99}\n',
    '\n1700000000.000000 test 8.8.8.8 {"fortigate": "x", "event": "x"}\n',
    '"what": "ban',
    'what": "ban" \\',
    "\x1b[2J\x00\x7f\x85\u2028\u202e\U0001f600 müller",
)


def clean(address: str, at: float = NOW) -> str:
    """Return a line of the rule log."""
    return f"{at:.6f} {JAIL} {address} {address} fw1"


def event_of(line: str) -> str:
    """Return the line of the event log behind a line of the rule log."""
    at, _, _, address, fortigate = line.split(" ")
    return f"{at} {fortigate} test failure {address} 78 -"


def keep(server: Server, event: str, *lines: str, fortigate: str = "fw1") -> None:
    """Write evidence as the receiver does."""
    posted, keep_event = module("lines").Event({}, event), module("evidence").keep_event
    for line in lines:
        keep_event(str(server.evidence), event_of(line) + "\n", posted, fortigate, 64 << 20)


def banned(address: str, *lines: str, **more: Any) -> dict[str, Any]:
    """Return what fail2ban passes to the action for a ban by these lines."""
    return ticket(address) | {"matches": "\n".join(lines)} | more


def audit(server: Server) -> list[dict[str, Any]]:
    """The audit, once the jail has stopped."""
    server.action.stop()
    return [json.loads(line) for line in server.audit.read_text().splitlines()]


def test_the_audit_of_a_ban_has_the_fortigate_and_the_log_line_of_its_last_event(
    server: Server,
) -> None:
    lines = [clean("203.0.113.9", NOW + n) for n in range(3)]
    for number, line in enumerate(lines):
        keep(server, f"event {number}", line, fortigate=f"fw{number}")
    keep(server, "another's", clean("203.0.113.10", NOW + 2))
    action = server.start()
    action.ban(banned("203.0.113.9", *lines))
    action.unban(ticket("203.0.113.9"))
    ban, unban = audit(server)
    assert (ban["events"], ban["fortigate"], ban["event"]) == (lines, "fw2", "event 2")
    assert "cut" not in ban
    assert "event" not in unban


@pytest.mark.parametrize("user", HOSTILE)
def test_what_an_attacker_typed_stays_one_value_of_one_entry(server: Server, user: str) -> None:
    event = f'logid="1" user="{user}" remip=203.0.113.9'
    keep(server, event, clean("203.0.113.9"))
    action = server.start()
    action.ban(banned("203.0.113.9", clean("203.0.113.9")))
    (ban,) = audit(server)
    assert (ban["event"], ban["address"], ban["count"]) == (event, "203.0.113.9", 1)
    assert server.audit.read_text().count("\n") == 1
    assert server.audit.read_text()[:-1].isprintable()
    assert action._audit.past(JAIL) == {"203.0.113.9": (1, 0.0)}


@settings(deadline=None, max_examples=200)
@given(text=st.text() | st.sampled_from(HOSTILE), what=st.sampled_from(["ban", "unban", "expiry"]))
def test_how_often_somebody_was_banned_cannot_be_typed(
    shared: Server, text: str, what: str
) -> None:
    audits: Any = shared.module.audits
    entry = {"at": 5.0, "what": what, "address": "203.0.113.9", "jail": JAIL, "why": text}
    line = json.dumps({**entry, "count": 3, "events": [text], "fortigate": text, "event": text})
    past: dict[str, Any] = {}
    audits.Audit._recall(past, JAIL, line.encode())
    audits.Audit._recall(past, "banstitch-other", line.encode())
    known = {"203.0.113.9": (3, 5.0 if what == "unban" else 0.0)}
    assert past == ({} if what == "expiry" else known)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        yield installed(tmp_path_factory.mktemp("action"), patch)


def test_a_cut_event_says_so(server: Server) -> None:
    keep(server, "x" * 5000, clean("203.0.113.9"))
    server.start().ban(banned("203.0.113.9", clean("203.0.113.9")))
    (ban,) = audit(server)
    assert (ban["event"], ban["cut"]) == ("x" * 1024, 5000)


def test_evidence_that_was_moved_aside_before_the_ban_is_found(server: Server) -> None:
    keep(server, "the event", clean("203.0.113.9"))
    server.evidence.rename(f"{server.evidence}.1")
    keep(server, "a later one", clean("203.0.113.10", NOW + 1))
    server.start().ban(banned("203.0.113.9", clean("203.0.113.9")))
    assert audit(server)[0]["event"] == "the event"


@pytest.mark.parametrize("there", ["none", "of others", "of another time"])
def test_a_ban_whose_event_is_not_known_keeps_its_clean_lines(server: Server, there: str) -> None:
    if there != "none":
        keep(
            server, "x", clean("203.0.113.9" if there == "of another time" else "8.8.8.8", NOW - 9)
        )
    server.start().ban(banned("203.0.113.9", clean("203.0.113.9")))
    (ban,) = audit(server)
    assert ban["events"] == [clean("203.0.113.9")]
    assert (ban["fortigate"], ban["event"]) == (None, None)


def test_bans_that_are_restored_or_made_by_hand_have_no_event(server: Server) -> None:
    keep(server, "x", clean("203.0.113.9"))
    action = server.start()
    action.ban(banned("203.0.113.9", clean("203.0.113.9"), restored=1))
    action.ban_by_hand("203.0.113.10")
    assert all("event" not in entry for entry in audit(server))


def test_old_lines_that_fail2ban_reads_again_at_its_start_are_found_far_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module.events_kept, "MOST_READ", 1 << 20)
    times = [NOW - 20000 + n for n in range(20000)]
    for start in range(0, 20000, 2000):
        lines = [clean(f"203.0.113.{n % 250}", times[n]) for n in range(start, start + 2000)]
        keep(server, "x" * 500, *lines)
    old = [clean("198.51.100.7", times[5] + 0.5), clean("203.0.113.17", times[12017])]
    found = server.module.events_kept.Evidence(str(server.evidence)).find(old)
    assert list(found) == [old[1]]


def test_a_look_is_bounded_however_much_there_is_to_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(server, "x" * 500, *[clean(f"203.0.113.{n % 250}", NOW) for n in range(3000)])
    read: list[int] = []
    pread = os.pread

    def counted(log: int, size: int, place: int) -> bytes:
        read.append(size)
        return pread(log, size, place)

    kept = server.module.events_kept
    monkeypatch.setattr(kept, "MOST_READ", 4 * kept.BLOCK)
    monkeypatch.setattr(kept.os, "pread", counted)
    kept.Evidence(str(server.evidence)).find([clean(f"198.51.100.{n}") for n in range(200)])
    assert sum(read) < 20 * kept.BLOCK


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n" * 100000,
        b"\xff" * 300000,
        b"9" * 300000,
        b'"what": "ban"\n',
        b"KEY {",
        b"KEY []\n",
        b"KEY {}\n",
        b'KEY {"fortigate": "x"}\n',
        b'KEY {"fortigate": "x", "event": "x", "cut": 1e999}\n',
        b'KEY {"fortigate": "x", "event": ' + b"[" * 3000 + b"\n",
        b'KEY {"fortigate": "x", "event": "' + b"x" * 9000 + b'"}\n',
        b"nan KEY {}\n1e999 test x {}\n",
    ],
)
def test_evidence_that_is_damaged_or_forged_costs_no_audit(server: Server, content: bytes) -> None:
    key = clean("203.0.113.9")
    server.evidence.write_bytes(content.replace(b"KEY", event_of(key).encode()))
    server.start().ban(banned("203.0.113.9", key))
    (ban,) = audit(server)
    assert (ban["events"], ban["event"]) == ([key], None)


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_plain_file_is_not_read(server: Server, kind: str) -> None:
    keep(server, "secret", clean("203.0.113.9"))
    theirs = server.evidence.rename(server.spool / "theirs")
    {
        "link": lambda: server.evidence.symlink_to(theirs),
        "pipe": lambda: os.mkfifo(server.evidence),
        "directory": lambda: server.evidence.mkdir(),
    }[kind]()
    server.start().ban(banned("203.0.113.9", clean("203.0.113.9")))
    assert audit(server)[0]["event"] is None


def test_the_events_of_ten_thousand_bans_are_all_found_in_one_look(server: Server) -> None:
    bans = [clean(f"198.{n >> 8}.{n & 255}.1", NOW + n / 1000) for n in range(10000)]
    for start in range(0, 10000, 100):
        keep(server, f"{start} " + "x" * 400, *bans[start : start + 100])
    found = server.module.events_kept.Evidence(str(server.evidence)).find(bans)
    assert len(found) == 10000
    assert all(found[bans[n]]["event"].startswith(f"{n - n % 100} ") for n in range(0, 10000, 7))


@settings(deadline=None, max_examples=50)
@given(
    ages=st.lists(st.integers(0, 3000), min_size=1, max_size=300, unique=True),
    size=st.integers(1, 900),
    every=st.integers(1, 9),
)
def test_whatever_is_there_is_found_and_nothing_else(
    shared: Server, ages: list[int], size: int, every: int
) -> None:
    shared.evidence.write_text("")
    lines = [clean("203.0.113.9", NOW - age / 10) for age in sorted(ages, reverse=True)]
    keep(shared, "x" * size, *lines)
    wanted = lines[::every]
    missing = [clean("203.0.113.10", NOW - age / 10) for age in ages]
    found = shared.module.events_kept.Evidence(str(shared.evidence)).find(wanted + missing)
    assert sorted(found) == sorted(wanted)


def test_the_audit_of_a_full_disk_finds_its_events_later(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(server, "the event", clean("203.0.113.9"))
    events = server.module.events_kept.Evidence(str(server.evidence))
    writing = server.module.audits.Audit(str(server.audit), os.getgid(), events)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    writing.add({"what": "ban"}, clean("203.0.113.9"))
    with monkeypatch.context() as patch:
        patch.setattr(writing, "_append", full)
        with pytest.raises(OSError):
            writing.write()
    writing.write()
    (ban,) = map(json.loads, server.audit.read_text().splitlines())
    assert (ban["what"], ban["event"]) == ("ban", "the event")


def test_a_jail_that_stops_while_another_writes_the_audit_writes_its_own_as_well(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = server.start()
    turns = [BlockingIOError(), BlockingIOError(), BlockingIOError()]
    lock = server.module.audits.fcntl.flock

    def busy(descriptor: int, how: int) -> None:
        if turns:
            raise turns.pop()
        lock(descriptor, how)

    monkeypatch.setattr(server.module.audits.fcntl, "flock", busy)
    action.ban(ticket("203.0.113.9"))
    assert [entry["what"] for entry in audit(server)] == ["ban"]


def test_only_the_last_events_of_many_stand_in_the_audit(server: Server) -> None:
    lines = [clean("203.0.113.9", NOW + n) for n in range(500)]
    server.start().ban(banned("203.0.113.9", *lines, failures=500))
    (ban,) = audit(server)
    assert (ban["events"], ban["failures"]) == (lines[-10:], 500)


def test_events_that_are_gone_hide_none_of_those_that_are_there(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [clean(f"198.51.100.{n % 250}", NOW + n / 100) for n in range(3000)]
    gone = [clean(f"203.0.113.{n % 250}", NOW + n / 100) for n in range(3000)]
    keep(server, "x" * 500, *there)
    monkeypatch.setattr(server.module.events_kept, "MOST_READ", 4 << 20)
    found = server.module.events_kept.Evidence(str(server.evidence)).find(gone + there)
    assert sorted(found) == sorted(there)


def test_the_receiver_can_read_the_audit_whatever_umask_fail2ban_has(server: Server) -> None:
    before = os.umask(0o077)
    try:
        server.start().ban(ticket("203.0.113.9"))
        server.action.stop()
    finally:
        os.umask(before)
    assert server.audit.stat().st_mode & 0o777 == 0o640
