"""What a server answers is shown without our own secrets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from banstitch_shared.alarm_notes import read_active
from banstitch_shared.facts_file import format_facts
from watch import deadline
from watch.alarms import part
from watch.alarms.part import Alarms, is_healthy, list_hidden
from watch.settings import AlarmSettings, ChannelSettings, MailSettings

from tests.e2e.alarm_servers import PASSWORD, USER, Mails, make_certificates
from tests.unit.watch.alarms.samples import Times, facts, receiver
from tests.unit.watch.drips import Drip


def test_a_url_and_its_path_are_hidden() -> None:
    secrets = {"chat": "https://example.com/services/T1/B2/x", "mail": "Mail-Secret-1"}
    assert list_hidden(secrets) == [
        "https://example.com/services/T1/B2/x",
        "/services/T1/B2/x",
        "Mail-Secret-1",
        "services",
    ]
    assert list_hidden({"chat": "https://example.com/"}) == ["https://example.com/"]


def test_parts_of_a_url_that_may_be_secrets_alone_are_hidden() -> None:
    urls = {"phone": "https://ntfy.example.com/secret-topic", "own": "https://x/y?token=Secret-1"}
    assert {"secret-topic", "token=Secret-1", "Secret-1"} <= set(list_hidden(urls))
    assert "" not in list_hidden({"mail": ""})


def test_a_heartbeat_is_sent_only_while_events_lead_to_bans() -> None:
    assert is_healthy(facts())
    assert not is_healthy(facts(receiver=None))
    assert not is_healthy(facts(rules_age=100.0))
    assert not is_healthy(facts(receiver=receiver(errors={"fail2ban": "down"})))


def watch_over(tmp_path: Path, channels: Sequence[ChannelSettings] = (), ca: str = "") -> Alarms:
    """Return the watch over a site that is healthy."""
    for name in ("looks", "rules"):
        (tmp_path / name).mkdir()
    (tmp_path / "rules" / "alive").touch()
    found = receiver(at=time.time(), started=time.time())
    (tmp_path / "facts.json").write_text(format_facts(found))
    settings: AlarmSettings = {
        "site": "ban1",
        "ca": ca,
        "proxy": "",
        "channels": channels,
        "receiver": {"host": "127.0.0.1", "port": 8443, "tls": False},
        "refresh": {"fgt1": 60},
        "poll_silence": 600,
        "post_silence": 86400,
        "burst": 100,
        "quiet": None,
        "off": [],
        "heartbeat_interval": 300,
        "paths": {
            "facts": str(tmp_path / "facts.json"),
            "rules": str(tmp_path / "rules"),
            "drift": str(tmp_path / "drift.json"),
        },
    }
    secrets = {"heartbeat url": "https://example.com/beat", "mail": PASSWORD}
    return Alarms(settings, secrets, str(tmp_path / "looks"))


@pytest.fixture
def watched(tmp_path: Path) -> Alarms:
    return watch_over(tmp_path)


def make_mail(port: int, *to: str, security: str = "off", user: str = "") -> MailSettings:
    """Return a channel by a mail server of this machine."""
    return {
        "name": "mail",
        "kind": "mail",
        "to": to,
        "sender": "bh1@example.com",
        "host": "127.0.0.1",
        "port": port,
        "security": security,
        "user": user,
        "minimum": "warning",
    }


def raise_alarm(watched: Alarms, folder: Path, times: Times) -> None:
    """Let the rules stop for longer than a minute."""
    (folder / "rules" / "alive").unlink()
    watched.look()
    times.pass_time(61)
    watched.look()


def read_texts(watched: Alarms, folder: Path) -> dict[str, str]:
    """Return the texts of the active alarms by their keys, after one more look."""
    watched.look()
    watched.write()
    active = read_active(str(folder / "looks"))
    assert active is not None
    return {alarm.key: alarm.text for alarm in active.alarms}


def test_a_mail_server_that_never_ends_is_a_failed_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "PATIENCE", 0.1)
    times = Times(monkeypatch)
    with Drip(["220 lab"]) as drip:
        watched = watch_over(tmp_path, [make_mail(drip.port, "noc@example.com")])
        raise_alarm(watched, tmp_path, times)
        for _ in range(2):
            times.pass_time(20)
            watched.send("mail")
        texts = read_texts(watched, tmp_path)
    assert texts["channel:mail"] == (
        "alarms cannot be sent by mail: the server takes longer than 0.1 seconds"
    )


def test_a_mail_that_one_of_several_gets_is_not_sent_to_him_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = Times(monkeypatch)
    ca, context = make_certificates(tmp_path)
    with Mails(context) as server:
        people = ("noc@example.com", "nobody@example.com")
        mail = make_mail(server.port, *people, security="tls", user=USER)
        watched = watch_over(tmp_path, [mail], str(ca))
        raise_alarm(watched, tmp_path, times)
        for _ in range(5):
            times.pass_time(70)
            watched.send("mail")
        assert len(server.mails) == 1
        texts = read_texts(watched, tmp_path)
    assert texts["channel:mail"] == (
        "alarms cannot be sent by mail: the server refuses nobody@example.com"
    )


def test_a_heartbeat_stops_when_nothing_looks_at_the_site_any_more(
    watched: Alarms, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[str] = []
    monkeypatch.setattr(part, "send", lambda request, way: beats.append(request.url))
    watched.look()
    watched.send_heartbeat()
    assert len(beats) == 1
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 400)
    watched.send_heartbeat()
    assert len(beats) == 1


def test_facts_of_a_receiver_that_was_taken_over_end_no_look(
    watched: Alarms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = Times(monkeypatch)
    facts_file = tmp_path / "facts.json"
    facts_file.write_text(facts_file.read_text().replace('"banned": 0', '"banned": ' + "9" * 400))
    watched.look()
    times.pass_time(61)
    watched.look()
    watched.write()
    active = read_active(str(tmp_path / "looks"))
    assert active is not None
    assert "receiver" in {alarm.key for alarm in active.alarms}
