"""The webhook on a real host: who may post, from where, how much, and what becomes of what is posted."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.site_helpers import EVENT
from tests.e2e.webhook_site import Webhook, begin_large_post, limit_time, measure_memory
from tests.lab.stopwatch import within
from tests.unit.receiver.hostile_lines import HOSTILE_REMIPS, IN_EITHER_ORDER

pytestmark = pytest.mark.lab
STRANGER = "127.0.9.9"
GLOBAL = "45.1.2.3"
DOCUMENTATION = "203.0.113.9"
# As in templates/receiver/worker.py, of each of two workers.
MOST_WAITING = 512
PLAIN = EVENT.format(address=GLOBAL, user="x")
# As an operator deploys it: only the site's firewalls may post, and no documentation addresses.
AS_SHIPPED = '{"receiver_allow": [], "receiver_accept_documentation": false}'
BURST = 400
SSLVPN = "sslvpn_login_failed"
# with what the journal was sent and has not written yet
JOURNAL = "journalctl --sync; journalctl -u banstitch-receiver -o cat --no-pager"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[Webhook]:
    """Two firewalls, and a receiver that takes a burst of each and then one post a second."""
    folder = tmp_path_factory.mktemp("site") / "inventory"
    units = [fortigate_options(), fortigate_options(escape_log=True, absent_variables="empty")]
    settings = f"receiver_tls: off\nreceiver_rate: 1\nreceiver_burst: {BURST}"
    with LabSite(folder, ready_root, units, settings=settings) as site:
        done = site.run("apply", "-y", "-e", AS_SHIPPED)
        assert done.code == 0, done.out + done.err
        yield Webhook(site)


# A receiver that is stopped, and not restarted, forgets its numbers, those of the rates among them.
FORGET = """\
set -e
systemctl stop banstitch-receiver.service
truncate --no-create -s 0 /var/log/banstitch/rejected.log
journalctl --sync --rotate --vacuum-size=1
systemctl start banstitch-receiver.service
"""


@pytest.fixture
def webhook(deployed: Webhook) -> Webhook:
    """The site, whose receiver has counted, refused and told nothing yet."""
    deployed.host.console(FORGET, check=True)
    return deployed


def test_only_the_sites_firewalls_may_post_and_the_journal_is_not_flooded_with_the_others(
    webhook: Webhook,
) -> None:
    before = webhook.written()
    assert webhook.post(PLAIN)[0] == 200
    assert webhook.post(PLAIN, unit=2)[0] == 200
    assert {webhook.post(PLAIN, source=STRANGER)[0] for _ in range(50)} == {403}
    assert {webhook.post(PLAIN, token="wrong-token")[0] for _ in range(50)} == {401}
    assert webhook.post(PLAIN, token=webhook.tokens["feed:fgt1"])[0] == 401

    assert webhook.written() == [*before, f"{SSLVPN} {GLOBAL}", f"{SSLVPN} {GLOBAL}"]
    journal = webhook.host.console(JOURNAL, check=True).stdout
    told = [line for line in journal.splitlines() if "refused a post from" in line]
    assert 1 <= len(told) <= 3
    assert STRANGER in told[0]
    assert "wrong-token" not in journal
    assert webhook.metric('banstitch_refused_total{why="refused_address"}') >= 50
    assert webhook.metric('banstitch_refused_total{why="refused_token"}') >= 50


def test_every_form_of_a_body_is_read_as_one_event(webhook: Webhook) -> None:
    before = len(webhook.written())
    escaped = PLAIN.replace("\\", "\\\\").replace('"', '\\"')
    several = "\r\n".join(PLAIN.replace(GLOBAL, f"45.1.2.{n}") for n in (4, 5, 6))
    bodies = (PLAIN, escaped, json.dumps(PLAIN), several)
    kinds = ("application/x-www-form-urlencoded", "application/json", "text/plain", "")
    for kind in kinds:
        for body in bodies:
            assert webhook.post(body, kind=kind)[0] == 200, (kind, body)
    once = [*[f"{SSLVPN} {GLOBAL}"] * 3, f"{SSLVPN} 45.1.2.4"]
    assert webhook.written()[before:] == once * len(kinds)


def test_a_firewall_that_escapes_the_quotes_of_its_log_is_understood(webhook: Webhook) -> None:
    line = EVENT.format(address="45.1.2.7", user='x\\" remip=8.8.8.8 y=\\"')
    (delivery,) = webhook.site.units[1].log_event(line)
    assert (delivery.status, '\\"' in delivery.body) == (200, True)
    assert webhook.written()[-1] == f"{SSLVPN} 45.1.2.7"


def test_what_cannot_be_read_is_refused_counted_and_kept_for_the_operator(
    webhook: Webhook,
) -> None:
    before = webhook.written()
    counted = webhook.metric('banstitch_malformed_total{fortigate="fgt1"}')
    garbage = b'logid="0101039426" user="never closed \xff\x00\x1b[2J' + b"x" * 5000
    assert webhook.post(garbage)[0] == 400
    assert webhook.post('logid="0101039426" user="cut')[0] == 400
    assert webhook.written() == before
    assert webhook.metric('banstitch_malformed_total{fortigate="fgt1"}') == counted + 2
    kept = webhook.host.read("/var/log/banstitch/rejected.log").splitlines()[-2:]
    first = json.loads(kept[0])
    assert (first["fortigate"], first["bytes"]) == ("fgt1", len(garbage))
    assert len(first["body"]) < 2100
    assert kept[0].isprintable()
    for verb in ("verify", "status"):
        ran = webhook.site.run(verb, "-e", AS_SHIPPED)
        assert ran.code == 2, ran.out + ran.err
        assert "fgt1: 2 posts of the last 24 hours could not be read: see /var/log" in ran.out


def test_an_attacker_whose_names_make_lines_unreadable_is_banned_and_nobody_else(
    webhook: Webhook,
) -> None:
    """The first unit leaves variables as they are where a log has no such field, the other empties them."""
    before, attackers = len(webhook.written()), ("45.9.8.6", "45.9.8.7")
    for unit, attacker in zip(webhook.site.units, attackers, strict=True):
        for name in ("x\\", 'x" remip=8.8.8.8 y="', 'x\n1 fgt1 sslvpn_login_failed 8.8.8.8"'):
            (delivery,) = unit.log_event(EVENT.format(address=attacker, user=name))
            assert delivery.status == 200
    counted = [f"{SSLVPN} {attacker}" for attacker in attackers for _ in range(3)]
    assert webhook.written()[before:] == counted
    spool = f"/var/spool/banstitch/banstitch-{SSLVPN}.bans"
    assert within(60, lambda: all(f"{a} " in webhook.host.read(spool) for a in attackers))
    assert "8.8.8.8" not in webhook.host.read(spool)


def test_lines_that_version_0_1_wrote_before_an_upgrade_still_count(webhook: Webhook) -> None:
    attacker, log = "45.9.8.8", "/var/log/banstitch/events.log"
    new = f"fgt1 {SSLVPN} success 45.9.8.9 - -"
    lines = [f"{SSLVPN} {attacker}"] * 3 + [new] * 3
    webhook.host.console(
        "".join(f"echo $(date +%s.%6N) {line} >> {log}; " for line in lines), check=True
    )
    spool = f"/var/spool/banstitch/banstitch-{SSLVPN}.bans"
    assert within(60, lambda: f"{attacker} " in webhook.host.read(spool))
    assert "45.9.8.9" not in webhook.host.read(spool)


def test_a_hostile_or_unusable_address_bans_nobody(webhook: Webhook) -> None:
    before = webhook.written()
    for remip in HOSTILE_REMIPS:
        status, said = webhook.post(IN_EITHER_ORDER[0] % remip)
        assert status in (200, 400), remip
        assert '"taken"' not in said, remip
    assert webhook.written() == before


def test_only_verify_on_the_host_itself_puts_a_documentation_address_in(webhook: Webhook) -> None:
    before = webhook.written()
    status, said = webhook.post(PLAIN.replace(GLOBAL, DOCUMENTATION))
    assert (status, "a documentation address" in said) == (200, True)
    assert webhook.written() == before
    verified = webhook.site.run("verify", "-e", AS_SHIPPED)
    assert "192.0.2.66 was unbanned and has left the feed" in verified.out


def test_a_body_of_100_mb_is_refused_whoever_sends_it_and_costs_no_memory(
    webhook: Webhook,
) -> None:
    for token, status in ((webhook.tokens["webhook:fgt1"], b"413"), ("wrong", b"401")):
        with webhook.raw() as hostile:
            hostile.sendall(begin_large_post(token))
            assert hostile.recv(100).split()[1] == status
            with suppress(OSError):  # closed, with most of it unread
                for _ in range(100):
                    hostile.sendall(b"x" * (1 << 20))
    assert webhook.post(PLAIN)[0] == 200
    assert measure_memory(webhook) < 100


def test_one_fortigate_over_its_rate_is_refused_by_every_worker_and_the_other_is_not(
    webhook: Webhook,
) -> None:
    statuses = [webhook.post(PLAIN, unit=2)[0] for _ in range(BURST + 100)]
    assert set(statuses) == {200, 429}
    assert statuses.count(429) > 50
    assert webhook.post(PLAIN)[0] == 200
    assert webhook.metric('banstitch_limited_total{fortigate="fgt2"}') == statuses.count(429)


def test_a_client_that_does_not_finish_its_request_is_cut_off(webhook: Webhook) -> None:
    token = webhook.tokens["webhook:fgt1"]
    head = "POST /receive-logs HTTP/1.1\r\nHost: x\r\n"
    whole = f"{head}Content-Length: 9\r\nX-Banstitch-Token: {token}\r\n\r\nlog"
    with limit_time(webhook.host, 1, 2):
        for said in ("", head, whole):
            with webhook.raw() as slow:
                slow.sendall(said.encode())
                assert slow.recv(100) == b"", said


def test_a_slow_firewall_is_not_pushed_out_by_strangers_who_keep_connecting(
    webhook: Webhook,
) -> None:
    token = webhook.tokens["webhook:fgt1"]
    body = PLAIN.encode()
    head = f"POST /receive-logs HTTP/1.1\r\nHost: x\r\nX-Banstitch-Token: {token}\r\n"
    with ExitStack() as stack:
        # so slow may be the machine that runs this test, too
        stack.enter_context(limit_time(webhook.host, 120, 240))
        slow = stack.enter_context(webhook.raw())
        slow.sendall(head.encode())
        for number in range(3 * MOST_WAITING):
            source = (f"127.0.9.{number % 200 + 1}", 0)
            peer = (webhook.host.address, 5000)
            stack.enter_context(socket.create_connection(peer, 60, source))
        slow.sendall(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert slow.recv(100).startswith(b"HTTP/1.1 200")


def test_what_a_stranger_makes_up_puts_no_traceback_into_the_journal(webhook: Webhook) -> None:
    token = webhook.tokens["webhook:fgt1"]
    head = f"POST /receive-logs HTTP/1.1\r\nHost: x\r\nX-Banstitch-Token: {token}\r\n"
    for said, status in (
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /zzz\r\n\r\n", 200),
        (f"{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ):
        with webhook.raw() as client:
            client.sendall(said.encode())
            assert client.recv(100).startswith(f"HTTP/1.1 {status}".encode()), said
    told = webhook.host.console(JOURNAL, check=True).stdout
    assert "Traceback" not in told


def test_each_firewall_fetches_the_feed_by_its_own_password_and_only_what_has_changed(
    webhook: Webhook,
) -> None:
    jail = f"banstitch-{SSLVPN}"
    webhook.host.console(
        ["fail2ban-client", "set", jail, "banip", "45.9.9.9", "2a00::9"], check=True
    )
    secret = webhook.tokens["feed:fgt1"]

    def lines(path: str) -> list[str]:
        return webhook.get(path, "fgt1", secret).read().decode().splitlines()

    assert within(60, lambda: {"45.9.9.9", "2a00::9"} <= set(lines("/blocked-ips")))
    assert "45.9.9.9" in lines("/blocked-ips/v4")
    assert lines("/blocked-ips/v6") == ["2a00::9"]
    assert lines("/blocked-ips") == [*lines("/blocked-ips/v4"), "2a00::9"]
    first = webhook.get("/blocked-ips", "fgt1", secret)
    etag = first.headers["ETag"]
    assert etag.startswith('"')
    again = webhook.get("/blocked-ips", "fgt1", secret, **{"If-None-Match": etag})
    assert (again.status, again.read()) == (304, b"")
    for user, password in (("fgt2", secret), ("fgt1", "x"), ("fgt1", webhook.tokens["status"])):
        assert webhook.get("/blocked-ips", user, password).status == 401
    assert webhook.get("/blocked-ips", "verify", webhook.tokens["verify"]).status == 200


def test_bans_that_are_not_known_are_503_and_never_an_empty_list(webhook: Webhook) -> None:
    secret, spool = webhook.tokens["feed:fgt1"], f"/var/spool/banstitch/banstitch-{SSLVPN}.bans"
    webhook.host.console(f"systemctl stop fail2ban && cp -p {spool} /run/kept", check=True)
    try:
        for spoil in (f"sed -i '$d' {spool}", f"truncate -s 0 {spool}", f"rm {spool}"):
            webhook.host.console(spoil, check=True)
            assert webhook.get("/blocked-ips", "fgt1", secret).status == 503, spoil
            assert webhook.get("/healthz", "", "").status == 503, spoil
    finally:
        webhook.host.console(f"mv /run/kept {spool}; systemctl start fail2ban", check=True)
    assert webhook.get("/blocked-ips", "fgt1", secret).status == 200
