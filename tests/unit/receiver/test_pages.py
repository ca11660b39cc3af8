"""What Prometheus and people are shown: /metrics, /status, and the counts behind them."""

from __future__ import annotations

import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.unit.receiver.receiver_app import DETECTION, LINE, Receiver, bans_file, module

LOGIN = ("status", "s-secret")


def metrics(receiver: Receiver) -> dict[str, float]:
    """Every sample, by name and labels as they are written."""
    answer = receiver.get("/metrics", auth=LOGIN)
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z_]+(\{[^{}\n]*\})? \d+(\.\d+)?", line) for line in lines)
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.parametrize("path", ["/metrics", "/status"])
@pytest.mark.parametrize(
    "login",
    [
        ("status", "wrong"),
        ("fw1", "f1-secret"),
        ("fw1", "s-secret"),
        ("", ""),
        ("verify", "v-secret"),
    ],
)
def test_only_a_client_with_the_readers_password_may_read(
    receiver: Receiver, path: str, login: tuple[str, str]
) -> None:
    assert receiver.get(path, auth=login).status_code == 401
    assert receiver.get(path, auth=LOGIN).status_code == 200


def test_events_polls_and_bans_are_counted_by_fortigate_detection_and_jail(
    receiver: Receiver,
) -> None:
    receiver.bans({"203.0.113.9": -1, "203.0.113.10": time.time() - 1})
    receiver.post(LINE % "203.0.113.9")
    receiver.post(LINE % "10.0.0.1")
    receiver.post(LINE % "203.0.113.9")
    receiver.post("nonsense", "w2-secret")
    receiver.post(LINE % "203.0.113.9", "wrong")
    receiver.feed()
    found = metrics(receiver)
    event = 'banstitch_events_total{fortigate="fw1",detection="%s"}'
    assert found[event % "sslvpn_login_failed"] == 2
    assert found[event % "ignored"] == 1
    assert found['banstitch_malformed_total{fortigate="fw2"}'] == 1
    assert found['banstitch_refused_total{why="refused_token"}'] == 1
    assert found['banstitch_polls_total{fortigate="fw1"}'] == 1
    assert found['banstitch_polls_total{fortigate="fw2"}'] == 0
    assert found['banstitch_bans{jail="banstitch-sslvpn_login_failed"}'] == 1
    assert abs(found['banstitch_last_event_seconds{fortigate="fw1"}'] - time.time()) < 60
    assert found["banstitch_up"] == 1


def test_each_number_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1700000000
    monkeypatch.setattr(module("app").time, "time", lambda: now)
    receiver = Receiver(tmp_path, rate=1, burst=3, feed_limit=2)
    receiver.bans({"203.0.113.1": -1, "203.0.113.2": -1, "203.0.113.3": -1})
    for body in (LINE % "203.0.113.9", *["nonsense"] * 6):
        receiver.post(body)
    receiver.post("x" * 70000, "w2-secret")
    receiver.feed("fw1", "wrong")
    now += 10
    for _ in range(5):
        receiver.feed()
    found = metrics(receiver)
    unit = 'banstitch_%s{fortigate="fw1"}'
    names = ("malformed_total", "limited_total", "polls_total")
    assert [found[unit % name] for name in names] == [2, 4, 5]
    moments = [found[unit % f"last_{what}_seconds"] for what in ("event", "poll")]
    assert moments == [now - 10, now]
    refused = 'banstitch_refused_total{why="%s"}'
    whys = ("refused_address", "refused_token", "refused_feed", "refused_page", "too_large")
    assert [found[refused % why] for why in whys] == [0, 0, 1, 0, 1]
    assert found["banstitch_feed_left_out"] == 1


def test_bans_that_are_not_known_are_not_counted_as_none(receiver: Receiver) -> None:
    receiver.jail_file.unlink()
    found = metrics(receiver)
    assert found["banstitch_up"] == 0
    assert not [name for name in found if name.startswith("banstitch_bans")]


def test_counts_outlive_workers_and_restarts_and_a_new_fortigate_starts_at_none(
    receiver: Receiver,
) -> None:
    receiver.post(LINE % "203.0.113.9")
    receiver.config["fortigates"] = ["fw0", "fw1"]
    receiver.client = receiver.worker()
    found = metrics(receiver)
    assert found['banstitch_events_total{fortigate="fw1",detection="sslvpn_login_failed"}'] == 1
    assert found['banstitch_events_total{fortigate="fw0",detection="sslvpn_login_failed"}'] == 0


@pytest.mark.parametrize("content", [b"", b"garbage", b'["a"]\n', b"[1\n" + bytes(99)])
def test_counts_that_cannot_be_read_are_begun_anew(receiver: Receiver, content: bytes) -> None:
    (receiver.folder / "counts").write_bytes(content)
    receiver.client = receiver.worker()
    assert receiver.post(LINE % "203.0.113.9").status_code == 200
    assert metrics(receiver)["banstitch_up"] == 1


def test_without_a_place_for_counts_events_are_taken_all_the_same(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, counts=str(tmp_path / "missing" / "counts"))
    assert receiver.post(LINE % "203.0.113.9").status_code == 200
    assert receiver.get("/metrics", auth=LOGIN).status_code == 200
    told = "cannot share the numbers of events and polls: No such file or directory"
    assert told in receiver.get("/status", auth=LOGIN).text


def test_the_status_page_is_off_unless_it_is_turned_on(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, status_page=False)
    answer = receiver.get("/status", auth=LOGIN)
    assert answer.status_code == 404
    assert "receiver_status_page" in answer.text


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if data.strip():  # a browser shows nothing of line ends between tags
            self.text += data.strip() + "|"


def page(receiver: Receiver) -> Page:
    answer = receiver.get("/status", auth=LOGIN)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    return Page(answer.text)


def test_the_page_shows_bans_with_the_time_that_is_left(receiver: Receiver) -> None:
    now = time.time()
    receiver.bans({"203.0.113.9": now + 3700, "2001:db8::1": -1, "203.0.113.10": now - 1})
    shown = page(receiver).text
    assert "2 bans" in shown
    assert "203.0.113.9|1 h 1 m|" in shown
    assert "2001:db8::1|for ever|" in shown
    assert "203.0.113.10|" not in shown


def test_the_page_shows_the_detection_and_the_rule_of_each_ban(tmp_path: Path) -> None:
    jails = [DETECTION["jail"], f"{DETECTION['jail']}-trap"]
    receiver = Receiver(tmp_path, jails=jails)
    for jail, address in zip(jails, ("203.0.113.9", "203.0.113.10"), strict=True):
        (receiver.spool / f"{jail}.bans").write_text(bans_file({address: -1}))
        (receiver.spool / f"{jail}.alive").touch()
    told = page(receiver).text.split("times banned|detection|")[1]
    assert "203.0.113.9|for ever|" in told
    assert {cell for cell in told.split("|") if "sslvpn" in cell} == {
        "sslvpn_login_failed",
        "sslvpn_login_failed/trap",
    }


def test_each_number_of_the_page_stands_under_its_own_title(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1700000000
    monkeypatch.setattr(module("app").time, "time", lambda: now)
    receiver = Receiver(tmp_path, rate=1, burst=4)
    lines = [f"203.0.113.9 -1 {now - 7300} 3 1\n", f"203.0.113.10 -1 {now - 3660} 5 2\n"]
    receiver.jail_file.write_text(f"# banstitch 1\n{''.join(lines)}end 2\n")
    for body in (LINE % "203.0.113.9", LINE % "10.0.0.1", *["nonsense"] * 5):
        receiver.post(body)
    receiver.post(LINE % "203.0.113.9", "wrong")
    receiver.post(LINE % "203.0.113.9", peer="198.51.100.77")
    now += 3600
    receiver.feed("fw2", "f2-secret")
    shown = page(receiver).text
    assert "last event|last feed poll|fw1|1 h ago|never|fw2|never|0 s ago|" in shown
    titles = "address|time left|since|failures|times banned|detection|"
    newest = "203.0.113.10|for ever|2 h 1 m ago|5|2|sslvpn_login_failed|"
    assert f"{titles}{newest}203.0.113.9|for ever|3 h 1 m ago|3|1|sslvpn_login_failed|" in shown
    assert "|sslvpn_login_failed|ignored|unreadable|over the rate|fw1|1|1|2|3|fw2|0|0|0|0|" in shown
    assert "Refused posts (wrong address or token): 2|" in shown


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 m"), (61, "1 m 1 s"), (3599, "59 m 59 s"), (3600, "1 h"),
     (86399, "23 h 59 m"), (86400, "1 d"), (90000, "1 d 1 h"), (-5, "0 s")],
)  # fmt: skip
def test_a_span_of_time_is_shown_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert module("status").format_span(seconds) == said


def test_the_picture_counts_older_bans_while_the_newest_audit_is_being_rotated(
    receiver: Receiver,
) -> None:
    """And its highest bar is as high as the picture, however many bans that is."""
    at = time.time() - 86400
    entry = json.dumps({"at": at, "what": "ban", "address": "203.0.113.9"})
    (receiver.folder / "audit.log.1").write_text(f"{entry}\n" * 300)
    found = page(receiver)
    assert f"{time.strftime('%d.%m.', time.gmtime(at))} 300|" in found.text
    heights = [float(value or 0) for name, value in found.attributes if name == "height"]
    assert sorted(heights)[-2:] == [0.0, 100.0]


def test_the_page_has_a_picture_of_the_bans_of_the_last_days(receiver: Receiver) -> None:
    now = time.time()
    entries = [("ban", now), ("ban", now), ("unban", now), ("ban", now - 86400 * 2), ("ban", 0)]
    lines = [json.dumps({"at": at, "what": what, "address": "203.0.113.9"}) for what, at in entries]
    (receiver.folder / "audit.log").write_text("\n".join([*lines, '{"what": "ban" cut']))
    found = page(receiver)
    assert found.tags.count("rect") == 14
    today, before = (time.strftime("%d.%m.", time.gmtime(at)) for at in (now, now - 86400 * 2))
    assert f"{today} 2|" in found.text
    assert f"{before} 1|" in found.text


def test_a_picture_of_more_bans_than_are_read_says_from_when_on_it_is_true(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(name: str, at: float) -> int:
        lines = [json.dumps({"at": at + n, "what": "ban", "address": "45.1.2.3"}) for n in range(9)]
        (receiver.folder / name).write_text("\n".join(lines) + "\n")
        return (receiver.folder / name).stat().st_size

    noon = time.time() // 86400 * 86400 - 86400 / 2
    monkeypatch.setattr(module("app").time, "time", lambda: noon + 1000)
    sizes = [written(f"audit.log{old}", noon - 86400 * n) for n, old in enumerate(("", ".1", ".2"))]
    assert "not counted here" not in page(receiver).text

    monkeypatch.setattr(module("status"), "TAIL", sum(sizes) - sizes[2] // 2)
    shown = page(receiver).text
    days = [time.strftime("%d.%m.", time.gmtime(noon - 86400 * n)) for n in range(3)]
    assert [f"{day} 9|" in shown for day in days] == [True, True, False]
    assert f"{days[2]} 4|" in shown
    first = time.strftime("%Y-%m-%d %H:%M", time.gmtime(noon - 86400 * 2))
    assert f"Bans before {first} UTC are not counted here" in shown


def test_the_page_warns_of_a_fortigate_that_does_not_fetch(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.feed("fw1", "f1-secret")
    assert "silent" not in page(receiver).text
    later = time.time() + 3 * 3600
    monkeypatch.setattr(module("app").time, "time", lambda: later)
    receiver.client = receiver.worker()  # one that starts anew knows how long it has been
    receiver.feed("fw1", "f1-secret")
    shown = page(receiver).text
    assert shown.count("silent") == 1
    assert "fw2|never|never|silent" in shown


def test_the_page_says_what_is_wrong(receiver: Receiver) -> None:
    receiver.jail_file.unlink()
    shown = page(receiver).text
    assert "not working" in shown
    assert "cannot read the bans" in shown


def test_the_page_brings_no_script_and_nothing_from_elsewhere(receiver: Receiver) -> None:
    found = page(receiver)
    assert not {"script", "img", "link", "iframe", "object", "a"} & set(found.tags)
    assert not {"src", "href", "onclick", "onload"} & {name for name, _ in found.attributes}


def test_nothing_that_stands_in_a_file_becomes_a_tag(receiver: Receiver) -> None:
    receiver.jail_file.write_text(
        "# banstitch 1\n<script>alert(1)</script> -1 1 1 1\nend 1\n", encoding="ascii"
    )
    assert "script" not in page(receiver).tags


def test_a_hundred_thousand_bans_do_not_make_a_hundred_thousand_rows(receiver: Receiver) -> None:
    receiver.bans({f"45.{n >> 8 & 255}.{n & 255}.1": -1 for n in range(2000)})
    found = page(receiver)
    assert "2000 bans" in found.text
    assert "and 1500 older ones" in found.text
    assert found.tags.count("tr") < 520
