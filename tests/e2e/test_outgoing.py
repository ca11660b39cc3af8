"""Heartbeat, shared bans and AbuseIPDB of a real host, and the alarms when one of them fails."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from provision.cli.main import cli
from provision.desired.share_certificates import derive_pair, read_authority
from tests.e2e.alarm_servers import ABUSEIPDB, Hooks, Tunnels, make_certificates
from tests.e2e.labsite import KeptSite, LabSite
from tests.e2e.poller import PORT, feed, trusting
from tests.e2e.rules_site import JAIL, ON, Rules
from tests.e2e.site_helpers import list_leftovers, tokens
from tests.lab.stopwatch import within
from tests.unit.share.peers_world import serve, write_bans
from tests.unit.watch.abuseipdb.stand_in import StandIn

pytestmark = pytest.mark.lab

GROUP, PEER, OTHER = "lab", "bh2", "45.7.7.7"
# Somebody who logged in, an address of the inside, and the mail server of the provider.
SPARED = EMPLOYEE, INSIDE, IGNORED = "45.7.8.9", "10.1.2.3", "45.7.9.9"
KEY = "0123456789abcdef" * 5
STRANGER = "9.9.9.9"
# Lets banstitch-watch start earlier, by all clocks, while a file is there: a peer counts as silent no sooner
# than five minutes after the service began to ask.
CLOCK = """
import os, time
real, real_of = time.time, time.clock_gettime
early = lambda: 400 * os.path.exists("/opt/clock/early")
time.time = lambda: real() - early()
time.clock_gettime = lambda clock: real_of(clock) - early()
"""
DROP_IN = "/run/systemd/system/banstitch-watch.service.d"
QUEUE = "/var/lib/banstitch-watch/abuseipdb.json"


class Outgoing:
    """A site with alarms, reports and a peer that is not there yet. All https goes through a proxy."""

    def __init__(self, folder: Path, kept: LabSite, stack: ExitStack) -> None:
        self.folder = folder
        ca, context = make_certificates(folder)
        self.hooks = stack.enter_context(Hooks(context))
        self.beats = stack.enter_context(Hooks(context))
        self.reports = stack.enter_context(StandIn(context))
        self.proxy = stack.enter_context(Tunnels({ABUSEIPDB: self.reports.port}))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.peer_port: int = free.getsockname()[1]
        printed = CliRunner().invoke(cli, ["share-ca", GROUP]).output
        self.authority: dict[str, str] = yaml.safe_load(printed)["share_ca"][GROUP]
        base = "https://127.0.0.1"
        settings = f"""{ON}
detection_settings: {{}}
detection_success_events: true
detection_ignore: [{IGNORED}]
alarms_ca: {ca}
alarms_proxy: 127.0.0.1:{self.proxy.port}
alarms_webhooks: [{{name: hook, url: "{base}:{self.hooks.port}/x", minimum: info}}]
heartbeat_url: {base}:{self.beats.port}/beat-4711-4711
heartbeat_interval: 1s
abuseipdb_key: {KEY}"""
        self.site = stack.enter_context(KeptSite(folder / "inventory", kept, settings))
        self._write_peer()

    def _write_peer(self) -> None:
        """Add a second site, and narrow down who may post."""
        hosts = self.site.folder / "hosts.yml"
        text = hosts.read_text().replace("[127.0.0.0/8]", "[127.0.0.1]")
        hosts.write_text(text.replace("lab_settings: here", f"share_bans: [{GROUP}]"))
        peer = {"ansible_host": "127.0.0.1", "share_port": self.peer_port}
        group = {"hosts": {PEER: peer}, "vars": {"share_ca": {GROUP: self.authority}}}
        described = {"all": {"children": {"ban_hosts": group}}}
        (self.site.folder / "peer.yml").write_text(json.dumps(described))

    def serve_peer(self, *bans: str) -> Any:
        """Be the second site, and offer bans, for the length of a ``with`` block."""
        spool, ca = self.folder / "spool", self.folder / "share-ca.pem"
        spool.mkdir()
        write_bans(spool, dict.fromkeys(bans, time.time() + 3600))
        ca.write_text(self.authority["certificate"])
        pair = self.folder / "pair.pem"
        keys = read_authority(self.authority["certificate"], self.authority["key"])
        pair.write_text(derive_pair(*keys, GROUP, PEER))
        groups = {GROUP: {"certificate": str(pair), "ca": str(ca), "sites": ["bh1"]}}
        return serve(groups, spool, [JAIL], port=self.peer_port)

    def restart_earlier(self) -> None:
        """Start banstitch-watch again as if that had been 400 seconds ago."""
        self.site.host.console(
            f"mkdir -p /opt/clock {DROP_IN}; cat > /opt/clock/sitecustomize.py; touch /opt/clock/early;"
            f" printf '[Service]\nEnvironment=PYTHONPATH=/opt/clock:/opt/banstitch\n' > {DROP_IN}/x.conf;"
            " systemctl daemon-reload; systemctl restart banstitch-watch; rm /opt/clock/early",
            stdin=CLOCK,
            check=True,
        )

    def post_from_elsewhere(self) -> None:
        """Post with the token of a FortiGate from an address that may not."""
        token = tokens(self.site)["webhook:fgt1"]
        request = f"POST /receive-logs HTTP/1.0\r\nX-Banstitch-Token: {token}\r\nContent-Length: 1\r\n\r\nx"
        context = trusting(self.site)
        assert context is not None
        plain = socket.create_connection(
            (self.site.host.address, PORT), timeout=30, source_address=("127.0.0.9", 0)
        )
        with context.wrap_socket(plain, server_hostname=self.site.host.address) as connection:
            connection.sendall(request.encode())
            assert b" 403 " in connection.recv(1000)

    def pass_quarter_of_an_hour(self) -> None:
        """Let the last attempt to report be so long ago."""
        console = self.site.host.console
        console("systemctl stop banstitch-watch", check=True)
        state = json.loads(self.site.host.read(QUEUE))
        state["failing"] -= 1000 if state["failing"] else 0
        state |= {"tried": {}, "not_before": 0}
        # written into the file that is there, which stays the service's own
        console(f"cat > {QUEUE}", stdin=json.dumps(state), check=True)
        console("systemctl start banstitch-watch", check=True)

    def list_missing(self, state: str, *wanted: str) -> list[str]:
        """Return which alarms have not arrived in a state within two minutes."""
        within(120, lambda: set(wanted) <= set(self.hooks.count(state)))
        return sorted(set(wanted) - set(self.hooks.count(state)))


@pytest.fixture
def outgoing(tmp_path: Path, kept_site: LabSite) -> Iterator[Outgoing]:
    with ExitStack() as stack:
        found = Outgoing(tmp_path, kept_site, stack)
        applied = found.site.run("apply", "-y", "-l", "bh1")
        assert applied.code == 0, applied.out + applied.err
        yield found


def test_what_cannot_go_out_is_an_alarm_until_it_can(outgoing: Outgoing) -> None:
    site, hooks, reports = outgoing.site, outgoing.hooks, outgoing.reports
    rules = Rules(site)
    outgoing.beats.status = 500
    reports.answer = 401, {}
    outgoing.restart_earlier()
    rules.event(EMPLOYEE, "alice", "success")
    rules.event(STRANGER, "scanner")
    outgoing.post_from_elsewhere()
    silent, beat = f"peer:{GROUP}/{PEER}", "heartbeat"
    assert outgoing.list_missing("active", silent, beat, "refused:refused_address") == []

    # what begins to work ends its alarm; the bans of the peer count, but for those of people of this site
    outgoing.beats.status = 200
    with outgoing.serve_peer(OTHER, *SPARED):
        assert within(90, lambda: OTHER in feed(site))
        assert not feed(site) & set(SPARED)
        assert outgoing.list_missing("over", silent, beat) == []

    # the report is refused until the key is right, and goes out once
    assert within(120, lambda: len(reports.reports) == 1)
    outgoing.pass_quarter_of_an_hour()
    assert outgoing.list_missing("active", "abuseipdb") == []
    refused = len(reports.reports)
    reports.answer = 200, {}
    outgoing.pass_quarter_of_an_hour()
    assert outgoing.list_missing("over", "abuseipdb") == []
    assert len(reports.reports) == refused + 1
    assert {each["ip"] for each in reports.reports} == {STRANGER}
    sent = reports.reports[-1]
    assert sent.keys() == {"ip", "categories", "comment", "timestamp"}
    assert (sent["categories"], reports.keys[-1]) == ("18", KEY)
    assert f"{ABUSEIPDB}:443" in outgoing.proxy.asked

    often = [key for state in ("active", "over") for key, n in hooks.count(state).items() if n > 1]
    assert often == []
    journal = site.host.console("journalctl -u banstitch-watch").stdout
    assert not [secret for secret in (KEY, "beat-4711-4711") if secret in journal]
    removed = site.run("teardown", "-y", "--purge-data", "-l", "bh1,fgt1")
    assert removed.code == 0, removed.out + removed.err
    site.host.console(f"rm -r {DROP_IN} /opt/clock", check=True)
    assert list_leftovers(site) == []
