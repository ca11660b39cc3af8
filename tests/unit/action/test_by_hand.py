"""Bans and unbans by hand: their effect, their audit, and what survives a crash."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.action.action_model import NOW, Server, eventually, ticket


def crash(server: Server) -> None:
    """The server is gone at once: nothing is written any more."""
    action, server.action = server.action, None
    action._keeper._changed.clear()
    action._file.write = lambda bans: None
    action.stop()


def test_a_ban_by_hand_is_on_disk_when_the_call_returns_and_fail2ban_gets_it(
    server: Server,
) -> None:
    action = server.start()
    action.ban_by_hand("203.0.113.9", 86400, "anna@desk", "spam")
    assert NOW + 86400 <= server.bans()["203.0.113.9"] <= NOW + 86500
    (handed,) = server.handed_back
    assert (handed.ip, 86400 <= handed.bantime <= 86402) == ("203.0.113.9", True)
    assert eventually(lambda: server.audited() == [("ban", "203.0.113.9", "anna@desk")])


@pytest.mark.parametrize(("seconds", "length"), [(None, 600), (-1, None), (60, 60)])
def test_a_ban_by_hand_lasts_as_said_or_as_the_jail_says(
    server: Server, seconds: int | None, length: int | None
) -> None:
    server.start().ban_by_hand("2001:DB8::1", seconds)
    until = server.bans()["2001:db8::1"]
    assert until == -1 if length is None else abs(until - NOW - length) < 60


def test_a_ban_for_ever_outlives_a_fail2ban_that_forgets_it(server: Server) -> None:
    server.start().ban_by_hand("203.0.113.9", -1)
    crash(server)
    action = server.start()
    action.ban({**ticket("203.0.113.9", when=NOW - 590), "restored": 1})
    action.unban(ticket("203.0.113.9", when=NOW - 700))
    assert server.becomes({"203.0.113.9": -1})


def test_a_shorter_ban_by_hand_does_not_shorten_one_that_is_there(server: Server) -> None:
    action = server.start()
    action.ban_by_hand("203.0.113.9", -1)
    answer = json.loads(action.ban_by_hand("203.0.113.9", 60))
    assert (answer["changed"], answer["until"]) == (False, -1)
    assert "until further notice already" in answer["said"]
    assert server.bans() == {"203.0.113.9": -1}


def test_a_ban_by_hand_says_until_when_and_that_it_changed_something(server: Server) -> None:
    action = server.start()
    for seconds in (60, 3600):
        text = action.ban_by_hand("203.0.113.9", seconds)
        answer = json.loads(text)
        assert text.isascii()
        assert answer["changed"] is True
        assert answer["until"] == server.bans()["203.0.113.9"]
        assert answer["said"].startswith("203.0.113.9 is banned until ")


def test_an_unban_by_hand_says_whether_it_changed_something(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    answers = [json.loads(action.unban_by_hand("203.0.113.9")) for _ in range(2)]
    assert [answer["changed"] for answer in answers] == [True, False]
    assert answers[1]["said"] == "203.0.113.9 is not banned"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.0.2.1", "192.0.2.1 is on the ignore list"),
        ("::ffff:192.0.2.1", "192.0.2.1 is on the ignore list"),
        ("192.0.2.0/24", "192.0.2.0/24 is on the ignore list"),
        ("192.0.2.8", "192.0.2.8 is on the ignore list"),
        ("192.0.0.0/16", "192.0.0.0/16 holds 192.0.2.0/24, which is on the ignore list"),
        ("::ffff:192.0.0.0/112", "192.0.0.0/16 holds 192.0.2.0/24, which is on the ignore list"),
        ("192.0.2.0/28", "192.0.2.0/28 is on the ignore list"),
    ],
)
def test_the_refusal_to_ban_by_hand_names_the_entry_of_the_ignore_list(
    server: Server, address: str, said: str
) -> None:
    server.ignored = {"192.0.2.0/24"}
    with pytest.raises(ValueError, match=f"^{said}$"):
        server.start().ban_by_hand(address, 60)


def test_a_ban_or_unban_by_hand_that_is_not_on_disk_yet_is_reported(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module.keeper, "RETRY", 0.01)
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    why = "in fail2ban, but that is not on disk yet: No space left on device; it is tried again"
    with monkeypatch.context() as disk:
        disk.setattr(server.module.spool_files.os, "fsync", full)
        with pytest.raises(OSError, match=f"203.0.113.10 is banned until .* {why}"):
            action.ban_by_hand("203.0.113.10", -1)
        with pytest.raises(OSError, match=f"203.0.113.9 is unbanned {why}"):
            action.unban_by_hand("203.0.113.9")
        assert server.bans() == {"203.0.113.9": NOW + 600}
    assert server.becomes({"203.0.113.10": -1})


@pytest.mark.parametrize(
    ("address", "seconds"),
    [("192.0.2.1", 60), ("192.0.2.0/24", 60), ("::/0", 60), ("0.0.0.0/0", 60), ("x", 60), ("203.0.113.9", 0),
     ("203.0.113.9", 10**12)],
)  # fmt: skip
def test_what_must_not_be_banned_is_refused_by_hand_as_well(
    server: Server, address: str, seconds: int
) -> None:
    server.ignored = {"192.0.2.1/32"}
    action = server.start()
    with pytest.raises(ValueError):
        action.ban_by_hand(address, seconds)
    assert server.becomes({})


def test_an_unban_by_hand_is_on_disk_when_the_call_returns_and_fail2ban_forgets_it(
    server: Server,
) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    action.unban_by_hand("203.0.113.9", "anna@desk", "a customer")
    assert server.bans() == {}
    assert server.forgotten == [("203.0.113.9", True)]
    wanted = [("ban", "203.0.113.9", "fail2ban"), ("unban", "203.0.113.9", "anna@desk")]
    assert eventually(lambda: server.audited() == wanted)


def test_an_unbanned_address_stays_free_when_fail2ban_reads_the_old_events_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    action.unban_by_hand("203.0.113.9")
    assert eventually(lambda: len(server.audited()) == 2)
    crash(server)
    action = server.start()
    action.ban(ticket("203.0.113.9", when=NOW - 30))
    assert eventually(lambda: server.forgotten == [("203.0.113.9", True)])
    assert server.bans() == {}


def test_new_events_ban_an_unbanned_address_and_count_as_the_second_time(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    action.unban_by_hand("203.0.113.9")
    action.ban(ticket("203.0.113.9", when=NOW + 600))
    assert server.becomes({"203.0.113.9": NOW + 1200})
    assert server.lines()[0][4] == "2"


def test_how_often_somebody_was_banned_is_known_after_a_restart(server: Server) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9"))
    action.unban(ticket("203.0.113.9"))
    server.stop()
    server.start().ban(ticket("203.0.113.9", when=NOW + 3600))
    assert eventually(lambda: [line[4] for line in server.lines()] == ["2"])


def test_the_audit_has_the_reason_and_the_events_and_distinguishes_expiry_from_unban(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = server.start()
    action.ban(ticket("203.0.113.9", when=NOW - 599))
    action.ban(ticket("203.0.113.10"))
    action.unban(ticket("203.0.113.9", when=NOW - 599))
    action.unban(ticket("203.0.113.10"))
    assert eventually(lambda: len(server.audited()) == 4)
    entries = [json.loads(line) for line in server.audit.read_text().splitlines()]
    assert [e["what"] for e in entries] == ["ban", "ban", "expiry", "unban"]
    assert entries[0]["why"] == "3 events"
    action.ban({**ticket("203.0.113.11"), "failures": 1})
    assert eventually(lambda: '"1 event"' in server.audit.read_text())
    assert len(entries[0]["events"]) == 2
    assert {"at", "jail", "until", "since", "failures", "count", "by"} <= set(entries[0])


def test_the_audit_distinguishes_a_ban_by_fail2ban_client_from_one_by_events(
    server: Server,
) -> None:
    server.start().ban({**ticket("203.0.113.9"), "failures": 0, "matches": ""})
    assert eventually(lambda: len(server.audited()) == 1)
    (entry,) = [json.loads(line) for line in server.audit.read_text().splitlines()]
    assert (entry["why"], entry["by"]) == ("banned in fail2ban", "fail2ban-client")


def test_the_audit_is_bounded_and_none_of_what_is_kept_is_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    audits = server.module.audits
    monkeypatch.setattr(audits, "AUDIT_SIZE", 2000)
    audit = audits.Audit(
        str(tmp_path / "audit.log"), os.getgid(), SimpleNamespace(find=lambda _: {})
    )
    for number in range(1000):
        audit.add({"address": f"203.0.113.{number}", "what": "ban"})
        audit.write()
    kept = sorted(tmp_path.glob("audit.log*"))
    names = ["audit.log", *(f"audit.log.{age}" for age in range(1, 10))]
    assert [path.name for path in kept] == names
    for path in kept:
        assert path.stat().st_size < 2100
        assert [json.loads(line) for line in path.read_text().splitlines()]


def test_what_waited_while_the_disk_was_full_is_more_than_one_file_of_the_audit_may_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    audits = server.module.audits
    monkeypatch.setattr(audits, "AUDIT_SIZE", 20_000)
    audit = audits.Audit(
        str(tmp_path / "full.log"), os.getgid(), SimpleNamespace(find=lambda _: {})
    )
    for number in range(20_000):
        audit.add({"number": number})
    audit.write()
    kept = sorted(tmp_path.glob("full.log*"))
    assert len(kept) == 10
    assert max(path.stat().st_size for path in kept) < 20_000 + 1000 * 20
    assert json.loads(kept[0].read_text().splitlines()[-1]) == {"number": 19_999}


def test_of_what_waits_only_what_was_not_written_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    audits = server.module.audits
    audit = audits.Audit(
        str(tmp_path / "some.log"), os.getgid(), SimpleNamespace(find=lambda _: {})
    )
    for number in range(2500):
        audit.add({"number": number})
    write, calls = audit._append, []

    def fail_once(data: bytes) -> None:
        calls.append(data)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        write(data)

    monkeypatch.setattr(audit, "_append", fail_once)
    with pytest.raises(OSError, match="full"):
        audit.write()
    audit.write()
    lines = (tmp_path / "some.log").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(2500))


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "directory"])
def test_an_audit_that_somebody_replaced_is_not_written_through(server: Server, kind: str) -> None:
    theirs = server.spool / "theirs"
    theirs.write_text("theirs")
    {
        "link": lambda: server.audit.symlink_to(theirs),
        "hard link": lambda: server.audit.hardlink_to(theirs),
        "pipe": lambda: os.mkfifo(server.audit),
        "directory": lambda: server.audit.mkdir(),
    }[kind]()
    server.start().ban(ticket("203.0.113.9"))
    assert server.becomes({"203.0.113.9": NOW + 600})
    server.stop()
    assert theirs.read_text() == "theirs"


def test_a_ban_that_fail2ban_still_holds_after_its_end_is_taken_out_there_as_well(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.module.keeper, "TICK", 0.01)
    server.holds({"203.0.113.9": NOW - 10})
    server.start()
    assert eventually(lambda: server.forgotten == [("203.0.113.9", False)])
    assert eventually(lambda: server.audited() == [("expiry", "203.0.113.9", "banstitch")])
