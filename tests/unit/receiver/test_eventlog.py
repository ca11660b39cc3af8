"""The event log: what is written can be read back, and nothing in a line was chosen by an attacker."""

from __future__ import annotations

import importlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.receiver import receiver_app

eventlog = importlib.import_module("banstitch_shared.eventlog")
ENTRY = eventlog.Entry(1700000000.25, "fw1", "sslvpn_login_failed", "failure", "203.0.113.9")
FORM = re.compile(
    r"1700000000\.250000 fw1 sslvpn_login_failed failure 203\.0\.113\.9 (-|[0-9a-f]+) (-|[a-z0-9_]+)"
)


@given(user=st.text(max_size=400), reason=st.text(max_size=200))
def test_a_line_holds_no_character_that_somebody_typed(user: str, reason: str) -> None:
    line = eventlog.write_line(ENTRY._replace(user=user, reason=reason))
    assert FORM.fullmatch(line)
    assert len(line) < 500


@given(user=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_user_name_is_read_back_as_it_was(user: str) -> None:
    line = eventlog.write_line(ENTRY._replace(user=user, reason="passwd_invalid"))
    known = "" if user in ("-", "N/A", "(null)") else user
    assert eventlog.read_line(line) == ENTRY._replace(user=known, reason="passwd_invalid")


def test_a_long_user_name_is_cut_between_two_characters() -> None:
    line = eventlog.write_line(ENTRY._replace(user="x" + "\u00e9" * 200))
    assert eventlog.read_line(line).user == "x" + "\u00e9" * 63


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("sslvpn_login_unknown_user", "sslvpn_login_unknown_user"),
        ("invalid username/password", "invalid_username_password"),
        ("N/A", "-"),
        ("", "-"),
        ("  ", "-"),
    ],
)
def test_a_reason_is_one_word(reason: str, word: str) -> None:
    assert eventlog.write_line(ENTRY._replace(reason=reason)).rpartition(" ")[2] == word


@pytest.mark.parametrize("kind", ["failure", "success", "lockout"])
@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::1", "2001:db8:1:2::/64"])
def test_every_kind_and_every_source_is_read(kind: str, address: str) -> None:
    entry = ENTRY._replace(kind=kind, address=address)
    assert eventlog.read_line(eventlog.write_line(entry) + "\n") == entry


def test_a_line_of_version_0_1_is_read() -> None:
    entry = eventlog.read_line("1700000000.250000 sslvpn_login_failed 203.0.113.9\n")
    assert entry == ENTRY._replace(fortigate="")


@pytest.mark.parametrize(
    "line",
    ["", "x", "1.0 fw1 d failure 1.2.3.4 -", "1.0 fw1 d other 1.2.3.4 - -", "1.0 d 1.2.3.4\n\n"],
)
def test_anything_else_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="seven fields"):
        eventlog.read_line(line)


def test_the_receiver_writes_the_name_and_the_reason_of_an_event(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    receiver = receiver_app.Receiver(tmp_path_factory.mktemp("receiver"))
    line = (
        'logid="0101039426" remip=203.0.113.9 user="%s" reason="sslvpn_login_unknown_user" msg="x"'
    )
    receiver.post(line % "J\u00f6rg", token="w2-secret")
    receiver.post(line % 'a\\" remip=8.8.8.8 b=\\"', token="w1-secret")
    receiver.post(line % "N/A")
    entries = receiver.entries()
    assert [entry.user for entry in entries] == ["J\u00f6rg", 'a" remip=8.8.8.8 b="', ""]
    assert [entry.fortigate for entry in entries] == ["fw2", "fw1", "fw1"]
    assert {entry.reason for entry in entries} == {"sslvpn_login_unknown_user"}
    assert {entry.kind for entry in entries} == {"failure"}
