"""Webhook and feed by https: both directions checked, certificates renewed without a gap."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
from contextlib import ExitStack
from typing import Any

import pytest

from tests.bench.load import get
from tests.e2e.labsite import LabSite
from tests.e2e.poller import trusting
from tests.e2e.site_helpers import ATTACKER, denied
from tests.e2e.tls_site import FOLDER, log_event
from tests.e2e.webhook_site import limit_time
from tests.lab.stopwatch import within
from tests.unit.roles.sample_ca import CA

pytestmark = pytest.mark.lab
# Bans that fill more than the buffers of a connection.
MANY = 50_000


def test_by_default_events_and_feed_go_by_https_and_the_keys_stay_on_the_host(
    deployed: LabSite,
) -> None:
    shown = deployed.units[0].show()
    assert "set protocol https" in shown
    assert f'set resource "https://{deployed.host.address}:5000/blocked-ips/v4"' in shown
    assert "set server-identity-check full" in shown
    assert "verify-host-cert disable" not in shown
    assert "PRIVATE KEY" not in shown
    modes = deployed.host.console(f"stat -c '%a %U:%G' {FOLDER}/ca.pem {FOLDER}/server.pem").stdout
    assert modes.splitlines() == ["600 root:root", "640 root:banstitch"]
    assert "PRIVATE KEY" not in deployed.run("plan", "--json", "-vvv").out
    assert [log_event(deployed) for _ in range(3)] == [[200]] * 3
    assert within(60, lambda: denied(deployed, ATTACKER))
    verified = deployed.run("verify")
    assert verified.code == 0, verified.out


def test_a_fortigate_with_another_ca_sends_no_event_and_keeps_its_list(deployed: LabSite) -> None:
    for _ in range(3):
        log_event(deployed)
    assert within(60, lambda: denied(deployed, ATTACKER))

    deployed.units[0].run(
        f'config vpn certificate ca\nedit banstitch_ca\nset ca "{CA.strip()}"\nend\n'
    )
    assert log_event(deployed) == [0]
    assert denied(deployed, ATTACKER)  # the poll failed, so the list is the one before

    assert deployed.run("apply", "-y").code == 0
    assert log_event(deployed) == [200]


def test_both_directions_are_checked_by_name_where_the_receiver_has_one(
    site: LabSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def look_up(name: Any, *more: Any, **still_more: Any) -> Any:
        ours = name if not str(name).endswith(".example.net") else site.host.address
        return real(ours, *more, **still_more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    ran = site.run("apply", "-y", "-e", "receiver_address=ban.example.net")
    assert ran.code == 0, ran.out + ran.err
    unit, shown = site.units[0], site.units[0].show()
    assert 'set uri "ban.example.net/receive-logs"' in shown
    assert 'set resource "https://ban.example.net:5000/blocked-ips/v4"' in shown
    assert [log_event(site) for _ in range(3)] == [[200]] * 3
    assert within(60, lambda: denied(site, ATTACKER))

    # the same host by a name that its certificate does not have
    unit.run(
        'config system automation-action\nedit "banstitch_webhook"\n'
        'set uri "other.example.net/receive-logs"\nend\n'
        'config system external-resource\nedit "banstitch_feed"\n'
        'set resource "https://other.example.net:5000/blocked-ips/v4"\nend\n'
    )
    assert log_event(site) == [0]
    assert site.run("unban", ATTACKER).code == 0
    assert denied(site, ATTACKER)  # the poll failed, so the list is the one before


def test_clients_without_a_handshake_do_not_block_others(deployed: LabSite) -> None:
    with ExitStack() as idle:
        for number in range(2000):
            client = idle.enter_context(socket.socket())
            client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            client.bind((f"127.0.3.{number % 100 + 1}", 0))
            client.connect((deployed.host.address, 5000))
        assert [log_event(deployed) for _ in range(10)] == [[200]] * 10


def test_a_client_that_does_not_finish_its_handshake_is_cut_off(deployed: LabSite) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    with limit_time(deployed.host, 1, 2):
        for said in (b"", hello):
            with socket.create_connection((deployed.host.address, 5000), 60) as slow:
                slow.sendall(said)
                assert slow.recv(100) == b"", said
        assert log_event(deployed) == [200]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_large_feed_arrives_whole_at_a_slow_client_and_says_its_end(
    deployed: LabSite, version: ssl.TLSVersion
) -> None:
    answer = b""
    with connect_encrypted(deployed, version) as client:
        client.sendall(get("/blocked-ips", Authorization=ban_many(deployed)))
        while got := client.recv(4096):  # without a proper end this raises
            answer += got
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body.split()) == MANY


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_a_client_with_an_old_tls_version_is_refused_with_the_reason(deployed: LabSite) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        connect_encrypted(deployed, ssl.TLSVersion.TLSv1_1)


def connect_encrypted(site: LabSite, version: ssl.TLSVersion) -> ssl.SSLSocket:
    """A connection that speaks this version only, and takes in little at once."""
    context = trusting(site)
    assert context
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((site.host.address, 5000))
    name = site.host.address
    return context.wrap_socket(client, server_hostname=name, suppress_ragged_eofs=False)


def ban_many(site: LabSite) -> str:
    """Put many bans where fail2ban's action does, and give the login of who may fetch them."""
    lines = [f"45.0.{n >> 8 & 255}.{n & 255} -1 1700000000 3 1\n" for n in range(MANY)]
    path = "/var/spool/banstitch/banstitch-sslvpn_login_failed.bans"
    site.host.console("systemctl stop fail2ban", check=True)
    site.host.console(
        f"cat >{path}.n && chmod 644 {path}.n && mv {path}.n {path}",
        stdin=f"# banstitch 1\n{''.join(lines)}end {MANY}\n",
        check=True,
    )
    secret = json.loads(site.host.read("/etc/banstitch/tokens.json"))["feed:fgt1"]
    return f"Basic {base64.b64encode(f'fgt1:{secret}'.encode()).decode()}"


def test_connections_accepted_before_a_restart_are_answered(deployed: LabSite) -> None:
    context = trusting(deployed)
    assert context
    with socket.create_connection((deployed.host.address, 5000)) as client:
        port = client.getsockname()[1]
        assert within(60, lambda: is_held_by_receiver(deployed, "established", f"dport = {port}"))
        deployed.host.console("systemctl restart --no-block banstitch-receiver", check=True)
        # a worker that stops closes the listening socket and waits for its connections
        assert within(60, lambda: not is_held_by_receiver(deployed, "listening"))
        encrypted_client = context.wrap_socket(client, server_hostname=deployed.host.address)
        encrypted_client.sendall(get("/healthz"))
        assert encrypted_client.recv(4096).startswith(b"HTTP/1.1 200")


def is_held_by_receiver(site: LabSite, state: str, *more: str) -> bool:
    """Return whether a process of the receiver has a socket of its port in this state."""
    argv = ["ss", "-Htnp", "state", state, f"src {site.host.address}:5000", *more]
    return "gunicorn" in subprocess.run(argv, capture_output=True, text=True, check=True).stdout
