"""What a server answers is shown without our own secrets."""

from __future__ import annotations

from watch.alarms.part import is_healthy, list_hidden

from tests.unit.watch.alarms.samples import facts, receiver


def test_a_url_and_its_path_are_hidden() -> None:
    secrets = {"chat": "https://example.com/services/T1/B2/x", "mail": "Mail-Secret-1"}
    assert list_hidden(secrets) == [
        "https://example.com/services/T1/B2/x",
        "/services/T1/B2/x",
        "Mail-Secret-1",
    ]
    assert list_hidden({"chat": "https://example.com/"}) == ["https://example.com/"]


def test_a_heartbeat_is_sent_only_while_events_lead_to_bans() -> None:
    assert is_healthy(facts())
    assert not is_healthy(facts(receiver=None))
    assert not is_healthy(facts(rules_age=100.0))
    assert not is_healthy(facts(receiver=receiver(errors={"fail2ban": "down"})))
