"""Nothing that an attacker typed has a meaning in a channel: laws for any text."""

from __future__ import annotations

import json
import re
import unicodedata
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from banstitch_shared.alarm_file import Alarm, Alarms, Attacked
from hypothesis import given
from hypothesis import strategies as st
from watch.alarms.digest import Digest, compose, compose_test
from watch.alarms.judge import Message, judge
from watch.alarms.texts import clean, spell_typed
from watch.channels.mail import Mail, write_mail
from watch.channels.syslog import write_lines
from watch.channels.webhook import TEMPLATES, Webhook, write_request
from watch.outgoing import Way

from tests.unit.watch.alarms.samples import NOW, facts, look, message

HOSTILE = [
    "<!channel> <@U1> <http://evil.example|here>",
    "@room @here @everyone a@",
    "*bold* _it_ ~no~ `code` [a](http://b) **x** # h",
    "a\r\nBcc: all@example.com\r\n\r\nbody",
    "<b>x</b>&amp;<script>",
    "\u202eevil\u2066\u200b\u2028\x1b[31m\x00",
    "\ud800\udfff",
    "\u05d0\u0627 e\u0301 \ufb01",
]
typed = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=80), st.text("<>@!*_`|[]()\r\n\\&", max_size=30)
)
# What no text of a channel may hold, as controls of a terminal or of the direction of writing.
BAD = ("Cc", "Cf", "Cs", "Zl", "Zp")
MAIL = Mail(["noc@example.com"], "bh1@example.com", "localhost", 25, "off", "", "", "")


def report(name: str) -> Digest:
    """Return the digest about a user name that an attacker typed."""
    known = Alarms((Alarm(NOW, name, name, 7),), (Attacked(name, NOW + 9, 3),))
    _, messages = judge({}, look(facts(known=known)).values(), (), NOW)
    return compose("bh1", messages)


def is_harmless(text: str) -> bool:
    mentions = re.search(r"@(room|here|channel|everyone)", text)
    return not mentions and not any(unicodedata.category(c) in BAD for c in text if c != "\n")


@given(typed)
def test_a_typed_name_has_no_markup_mention_or_control(name: str) -> None:
    spelled = spell_typed(name)
    assert is_harmless(spelled)
    assert not set(spelled) & set("<>&*~`|[](){}#\\\"'!/: ")
    assert len(spelled) <= 43


def test_names_that_people_have_stay_readable() -> None:
    names = ["alice", "j.smith@example.com", "M\u00fcller_2", "\u5c71\u7530", "a-b"]
    assert [spell_typed(name) for name in names] == names
    assert spell_typed("<!channel>") == "%3C%21channel%3E"


@given(st.text(max_size=400))
def test_any_text_becomes_one_bounded_line(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= 200
    assert not any(unicodedata.category(c) in BAD for c in cleaned)


@given(typed)
def test_a_mail_has_the_headers_that_it_should_have(name: str) -> None:
    raw = write_mail(report(name), MAIL, "bh1").as_bytes()
    found = message_from_bytes(raw, policy=default)
    assert found["To"] == "noc@example.com"
    assert found["Bcc"] is None
    assert found.get_content_type() == "text/plain"
    assert not found.is_multipart()


@given(typed, st.sampled_from(sorted(TEMPLATES)))
def test_a_webhook_gets_json_in_which_the_text_has_no_meaning(name: str, template: str) -> None:
    webhook = Webhook(template, "https://example.com/a/topic", "", Way())
    body: Any = json.loads(write_request(report(name), webhook).body)
    texts = list(list_strings(body))
    assert all(is_harmless(text) for text in texts)
    if template == "slack":
        assert "<" not in body["text"]
        assert body["mrkdwn"] is False
    if template == "matrix":
        assert set(body) == {"msgtype", "body", "m.mentions"}
        assert body["m.mentions"] == {}
    if template == "teams":
        assert "TextBlock" not in [
            each["type"] for each in body["attachments"][0]["content"]["body"]
        ]


def list_strings(value: Any) -> list[str]:
    """Return every text in a document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in list_strings(item)]
    return [value] if isinstance(value, str) else []


@given(typed)
def test_each_message_is_one_line_of_syslog(name: str) -> None:
    digest = report(name)
    lines = list(write_lines(digest, "bh1"))
    assert len(lines) == len(digest.messages)
    assert all(re.match(rb"<(26|28)>1 [0-9TZ:-]+ bh1 banstitch-watch - alarm - ", x) for x in lines)
    assert not any(b"\n" in line or b"\r" in line for line in lines)


def test_a_digest_names_the_site_and_the_worst_first() -> None:
    messages = [message(1), message(2, severity="critical"), message(3, lasted=300.0)]
    digest = compose("bh1", messages)
    assert digest.subject == "[bh1] 2 new alarms (critical), 1 over"
    assert digest.lines[0].startswith("CRITICAL at 2027-01-15 08:00 UTC: fgt2 is silent")
    assert digest.lines[2].startswith("OVER after 5 min")
    assert compose("bh1", messages[:1]).subject == "[bh1] warning: fgt1 is silent"


@pytest.mark.parametrize(
    ("template", "method", "url"),
    [
        ("generic", "POST", "https://example.com/a/topic"),
        ("ntfy", "POST", "https://example.com/a/"),
        ("matrix", "PUT", "https://example.com/a/topic/"),
    ],
)
def test_a_request_goes_where_its_service_expects_it(template: str, method: str, url: str) -> None:
    webhook = Webhook(template, "https://example.com/a/topic", "Token-1234", Way())
    request = write_request(compose_test("bh1", NOW), webhook)
    assert request.method == method
    assert request.url.startswith(url)
    assert request.headers["Authorization"] == "Bearer Token-1234"
    if template == "ntfy":
        assert json.loads(request.body)["topic"] == "topic"


def test_the_same_digest_has_the_same_transaction_in_matrix() -> None:
    webhook = Webhook("matrix", "https://example.com/send/m.room.message", "", Way())
    digest = compose("bh1", [Message(NOW, "a", "info", "x")])
    assert write_request(digest, webhook).url == write_request(digest, webhook).url


def test_a_long_digest_fits_into_a_message_of_ntfy() -> None:
    # a longer one is an attachment, which many servers refuse
    alarms = [message(number, text=f"{number} " + "\u00e9" * 150) for number in range(30)]
    sent = TEMPLATES["ntfy"](compose("bh1", alarms), "https://ntfy.example.com/topic")["message"]
    assert 3000 < len(sent.encode()) <= 4096
    lines = sent.splitlines()
    assert lines[-1] == f"and {30 - len(lines) + 1} more: see `site.py alarms`"
    short = compose("bh1", alarms[:3])
    assert TEMPLATES["ntfy"](short, "https://x/t")["message"] == "\n".join(short.lines)
