"""What FortiGates and attackers can make the receiver do with POST /receive-logs."""

from __future__ import annotations

import fcntl
import json
import os
from io import BytesIO
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.receiver.receiver_app import LINE, SECRETS, Receiver, module

SSLVPN = "sslvpn_login_failed"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    return Receiver(tmp_path_factory.mktemp("receiver"))


def test_a_failed_login_becomes_one_clean_line_and_the_answer_says_so(receiver: Receiver) -> None:
    answer = receiver.post(LINE % "203.0.113.9")
    assert (answer.status_code, answer.json["status"]) == (200, "success")
    assert answer.json["events"] == [
        {"outcome": "taken", "detection": SSLVPN, "address": "203.0.113.9"}
    ]
    assert receiver.written() == [(SSLVPN, "203.0.113.9")]


@pytest.mark.parametrize("token", ["", "wrong", "f1-secret", "w1-secre", "w1-secrett", "ünïcode"])
def test_a_client_without_a_webhook_token_is_refused_and_writes_nothing(
    receiver: Receiver, token: str
) -> None:
    assert receiver.post(LINE % "203.0.113.9", token).status_code == 401
    assert receiver.written() == []


def test_whoever_opens_the_webhook_in_a_browser_learns_that_events_are_posted(
    receiver: Receiver,
) -> None:
    answer = receiver.get("/receive-logs")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json["reason"] == "events are posted"


@pytest.mark.parametrize("token", ["w1-secret", "w2-secret"])
def test_each_fortigate_may_post(receiver: Receiver, token: str) -> None:
    assert receiver.post(LINE % "203.0.113.9", token).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "application/json",
        "text/plain",
        "multipart/form-data",
        "",
    ],
)
def test_the_raw_body_counts_whatever_the_content_type(
    receiver: Receiver, content_type: str
) -> None:
    assert receiver.post(LINE % "203.0.113.9", content_type=content_type).status_code == 200
    assert receiver.written() == [(SSLVPN, "203.0.113.9")]


def test_a_body_is_one_event_for_a_name_with_a_line_break_looks_like_several(
    receiver: Receiver,
) -> None:
    body = "\r\n".join([LINE % "203.0.113.1", "", LINE % "10.0.0.1", LINE % "2001:db8::1", ""])
    outcomes = [event["outcome"] for event in receiver.post(body).json["events"]]
    assert outcomes == ["taken"]
    assert receiver.written() == [(SSLVPN, "203.0.113.1")]


def test_an_unreadable_line_behind_it_does_not_stop_an_event(receiver: Receiver) -> None:
    body = LINE % "203.0.113.1" + '\nlogid="0101039426" remip=203.0.113.2 user="cut'
    assert receiver.post(body).status_code == 200
    assert receiver.written() == [(SSLVPN, "203.0.113.1")]


def test_a_body_whose_quotes_are_all_escaped_is_read_like_a_plain_one(receiver: Receiver) -> None:
    plain = 'logid="0101039426" user="a\\" remip=8.8.8.8 b=\\"" remip=203.0.113.3 msg="failed"'
    escaped = json.dumps(plain)
    for body in (escaped, escaped[1:-1]):
        assert receiver.post(body).status_code == 200
    assert receiver.written() == [(SSLVPN, "203.0.113.3")] * 2


@pytest.mark.parametrize(
    "body",
    ["", "  \r\n ", "{}", '{"log": "x"}', "nonsense", "a=b", 'logid="x"', "logid=", b"\xff\xfe\x00",
     'logid="0101039426"', 'logid="0101039426" user="', 'logid="0101039426" logid="0101039427"'],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_400(receiver: Receiver, body: str | bytes) -> None:
    assert receiver.post(body).status_code == 400
    assert receiver.written() == []


@pytest.mark.parametrize("address", ["198.51.100.7", "203.0.113.250", "2001:db8:9::1"])
def test_addresses_on_the_ignore_list_are_never_written(receiver: Receiver, address: str) -> None:
    answer = receiver.post(LINE % address)
    assert answer.status_code == 200
    assert "ignore list" in answer.json["events"][0]["reason"]
    assert receiver.written() == []


def test_a_body_over_64_kib_is_refused(receiver: Receiver) -> None:
    assert receiver.post("x" * 65537).status_code == 413
    assert receiver.post(LINE % "203.0.113.9" + " " * 60000).status_code == 200


def test_a_body_that_ends_before_its_length_is_refused(receiver: Receiver) -> None:
    body = (LINE % "203.0.113.9").encode()
    answer = receiver.post(body, environ={"CONTENT_LENGTH": str(len(body) + 1)})
    assert answer.status_code == 400
    assert receiver.written() == []


@pytest.mark.parametrize("length", ["\xb2", "9" * 5000, "-1", "1e3", " "])
def test_a_length_that_is_none_is_refused(receiver: Receiver, length: str) -> None:
    """gunicorn before 22 passes any length on that stands beside `Transfer-Encoding: chunked`."""
    body = LINE % "203.0.113.9"
    environ = {"wsgi.input_terminated": True, "wsgi.input": BytesIO(body.encode())}
    answer = receiver.post(b"", environ=environ | {"CONTENT_LENGTH": length})
    assert answer.status_code == 413
    assert receiver.written() == []


def test_a_body_without_a_length_is_read_up_to_the_limit(receiver: Receiver) -> None:
    def chunked(body: bytes) -> int:
        environ = {"wsgi.input_terminated": True, "wsgi.input": BytesIO(body)}
        environ |= {"CONTENT_LENGTH": ""}
        return int(receiver.post(b"", environ=environ).status_code)

    assert chunked((LINE % "203.0.113.9").encode()) == 200
    assert chunked(b"x" * 65537) == 413
    assert receiver.written() == [(SSLVPN, "203.0.113.9")]


def test_a_new_token_counts_at_once_and_an_old_one_no_longer(receiver: Receiver) -> None:
    assert receiver.post(LINE % "203.0.113.9", "w1-secret").status_code == 200
    receiver.secrets({**SECRETS, "webhook:fw1": "rotated"})
    assert receiver.post(LINE % "203.0.113.9", "w1-secret").status_code == 401
    assert receiver.post(LINE % "203.0.113.9", "rotated").status_code == 200


def test_a_fortigate_without_a_secret_lets_nobody_in(receiver: Receiver) -> None:
    receiver.secrets({"verify": "v-secret"})
    assert receiver.post(LINE % "203.0.113.9", "").status_code == 401


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"webhook:fw1": ""}', '{"webhook:fw1": 1}', '{"webhook:fw1": "w1-secret"}'],
)
def test_digests_that_cannot_be_used_are_503_not_an_open_door(
    receiver: Receiver, content: str
) -> None:
    receiver.digests.write_text(content)
    os.utime(receiver.digests, ns=(1, 1))
    assert receiver.post(LINE % "203.0.113.9", "").status_code == 503


def test_a_rotated_log_is_written_anew_without_a_restart(receiver: Receiver) -> None:
    receiver.post(LINE % "203.0.113.1")
    receiver.log.rename(receiver.log.with_suffix(".1"))
    receiver.log.touch()
    receiver.post(LINE % "203.0.113.2")
    assert receiver.written() == [(SSLVPN, "203.0.113.2")]


def test_a_line_goes_into_the_new_log_though_it_is_rotated_between_opening_and_writing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, old = module("files"), receiver.log.with_suffix(".1")

    def rotated_meanwhile(log: int, how: int) -> None:
        if not old.exists():
            receiver.log.rename(old)
            receiver.log.touch()
        fcntl.flock(log, how)

    locking = SimpleNamespace(flock=rotated_meanwhile, LOCK_EX=fcntl.LOCK_EX)
    monkeypatch.setattr(files, "fcntl", locking)
    files.append(str(receiver.log), ["one line\n"], "the event log")
    assert (receiver.log.read_text(), old.read_text()) == ("one line\n", "")


def test_an_event_waits_for_the_new_log_that_logrotate_is_about_to_create(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.log.rename(receiver.log.with_suffix(".1"))
    monkeypatch.setattr(module("files").time, "sleep", lambda _: receiver.log.touch())
    assert receiver.post(LINE % "203.0.113.2").status_code == 200
    assert receiver.written() == [(SSLVPN, "203.0.113.2")]


def test_the_receiver_creates_no_log(receiver: Receiver) -> None:
    for log in (receiver.log, receiver.evidence, receiver.rejected):
        log.unlink()
    assert receiver.post(LINE % "203.0.113.2").status_code == 503
    assert receiver.post("unreadable").status_code == 400
    assert not [log for log in (receiver.log, receiver.evidence, receiver.rejected) if log.exists()]


def test_no_other_process_writes_while_a_line_is_written(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refused = os.write, []

    def looked_at(log: int, data: bytes) -> int:
        with receiver.log.open("a") as other, pytest.raises(BlockingIOError) as error:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        refused.append(error)
        return real(log, data)

    monkeypatch.setattr(module("files").os, "write", looked_at)
    module("files").append(str(receiver.log), ["one line\n"], "the event log")
    assert len(refused) == 1


def test_a_log_that_cannot_be_written_is_503(receiver: Receiver) -> None:
    receiver.log.unlink()
    receiver.log.mkdir()
    assert receiver.post(LINE % "203.0.113.1").status_code == 503


def test_a_disk_that_fills_up_leaves_no_half_line(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    receiver.post(LINE % "203.0.113.1")
    monkeypatch.setattr(module("files").os, "write", lambda fd, data: real(fd, data[:-4]))
    assert receiver.post(LINE % "203.0.113.213").status_code == 503
    monkeypatch.undo()
    assert receiver.written() == [(SSLVPN, "203.0.113.1")]


def fortios_quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(user=st.text(), before=st.booleans(), escaped=st.booleans())
@example('x" remip=8.8.8.8 y="', True, False)
@example("x\nlogid=0101039426 remip=8.8.8.8\n", False, False)
@example("\\", True, True)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_user_name_changes_who_is_banned(
    shared: Receiver, user: str, before: bool, escaped: bool
) -> None:
    fields = ["remip=203.0.113.5", "user=" + fortios_quoted(user)]
    body = 'logid="0101039426" ' + " ".join(fields[::-1] if before else fields) + ' msg="failed"'
    if escaped:
        body = body.replace("\\", "\\\\").replace('"', '\\"')
    answer = shared.post(body.encode("utf-8", "surrogatepass"))
    assert [event["address"] for event in answer.json["events"]] == ["203.0.113.5"]


@given(
    user=st.text(alphabet='ab \\"\n=.18,remip', max_size=60),
    cut=st.integers(min_value=0, max_value=140),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_line_cut_short_on_its_way_bans_another_address(
    shared: Receiver, user: str, cut: int
) -> None:
    whole = (
        f'logid="0101039426" user={fortios_quoted("8.8.8.8" + user)} remip=203.0.113.5 group="N/A"'
    )
    answer = shared.post(whole[:cut])
    taken = {event.get("address") for event in (answer.json.get("events") or ())} - {None}
    assert taken <= {"203.0.113.5"}


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_at_all_make_the_receiver_fail(shared: Receiver, body: bytes) -> None:
    assert shared.post(body).status_code in (200, 400)
