"""Webhook and feed by https: both directions checked, certificates renewed without a gap."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.bench.load import get
from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import Meanwhile, Poller, trusting
from tests.e2e.site_helpers import EVENT, denied, list_leftovers, without_enc
from tests.lab.stopwatch import within
from tests.unit.roles.sample_ca import CA

pytestmark = pytest.mark.lab
ATTACKER = "198.51.100.23"
# Bans that fill more than the buffers of a connection.
MANY = 50_000
FOLDER = "/etc/banstitch/tls"
# Signed by the site's own CA, for 10 days and the same names: as if 387 days had passed.
SOON_OVER = f"""\
cd /run && umask 077
openssl x509 -in {FOLDER}/server.pem -noout -ext subjectAltName | sed 1d | sed 's/IP Address/IP/g' >names
printf 'subjectAltName = %s\\nauthorityKeyIdentifier = keyid\\n' "$(cat names)" >extensions
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key
openssl req -new -key key -subj '/CN=Banstitch receiver' -out csr
openssl x509 -req -in csr -CA {FOLDER}/ca.pem -CAkey {FOLDER}/ca.pem -set_serial 7 -days 10 \\
    -extfile extensions -out crt
cat key crt >pem && chown root:banstitch pem && chmod 640 pem && mv pem {FOLDER}/server.pem
rm names extensions key csr crt
"""


@pytest.fixture
def deployed(site: LabSite) -> LabSite:
    done = site.run("apply", "-y")
    assert done.code == 0, done.out + done.err
    return site


def event(site: LabSite) -> list[int]:
    """What its webhooks were answered when the unit saw a failed login; 0 is no answer."""
    found = site.units[0].log_event(EVENT.format(address=ATTACKER, user="x"))
    return [delivery.status for delivery in found]


class Poster(Meanwhile):
    """As a context manager, the unit sees one failed login after the other inside."""

    def __init__(self, site: LabSite) -> None:
        super().__init__(lambda: self.statuses.update(event(site)), 0.02)
        self.statuses: Counter[int] = Counter()


def expiry(site: LabSite) -> str:
    shown = f"openssl x509 -in {FOLDER}/server.pem -noout -enddate"
    return site.host.run(shown, check=True).stdout


def test_by_default_events_and_feed_go_by_https_and_the_keys_stay_on_the_host(
    deployed: LabSite,
) -> None:
    shown = deployed.units[0].show()
    assert "set protocol https" in shown
    assert f'set resource "https://{deployed.host.address}:5000/blocked-ips/v4"' in shown
    assert "set server-identity-check full" in shown
    assert "verify-host-cert disable" not in shown
    assert "PRIVATE KEY" not in shown
    modes = deployed.host.run(f"stat -c '%a %U:%G' {FOLDER}/ca.pem {FOLDER}/server.pem").stdout
    assert modes.splitlines() == ["600 root:root", "640 root:banstitch"]
    assert "PRIVATE KEY" not in deployed.run("plan", "--json", "-vvv").out
    assert [event(deployed) for _ in range(3)] == [[200]] * 3
    assert within(60, lambda: denied(deployed, ATTACKER))
    verified = deployed.run("verify")
    assert verified.code == 0, verified.out


def test_a_unit_that_holds_another_ca_sends_no_event_and_keeps_its_list(deployed: LabSite) -> None:
    for _ in range(3):
        event(deployed)
    assert within(60, lambda: denied(deployed, ATTACKER))

    deployed.units[0].run(
        f'config vpn certificate ca\nedit banstitch_ca\nset ca "{CA.strip()}"\nend\n'
    )
    assert event(deployed) == [0]
    assert denied(deployed, ATTACKER)  # the poll failed, so the list is the one before

    assert deployed.run("apply", "-y").code == 0
    assert event(deployed) == [200]


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
    assert [event(site) for _ in range(3)] == [[200]] * 3
    assert within(60, lambda: denied(site, ATTACKER))

    # the same host by a name that its certificate does not have
    unit.run(
        'config system automation-action\nedit "banstitch_webhook"\n'
        'set uri "other.example.net/receive-logs"\nend\n'
        'config system external-resource\nedit "banstitch_feed"\n'
        'set resource "https://other.example.net:5000/blocked-ips/v4"\nend\n'
    )
    assert event(site) == [0]
    assert site.run("unban", ATTACKER).code == 0
    assert denied(site, ATTACKER)  # the poll failed, so the list is the one before


def test_apply_renews_what_expires_in_10_days_and_nobody_notices(deployed: LabSite) -> None:
    deployed.host.run(SOON_OVER, check=True)
    old = expiry(deployed)
    with Poller(deployed, ()) as poller, Poster(deployed) as poster:
        assert within(60, lambda: poller.answers > 20 and poster.statuses.total() > 20)
        ran = deployed.run("apply", "-y", "--json")
        seen, sent = poller.answers, poster.statuses.total()
        assert within(60, lambda: poller.answers > seen + 20)
        assert within(60, lambda: poster.statuses.total() > sent + 20)

    assert ran.code == 0, ran.out
    assert ran.changes("bh1") == [("update", f"certificate:{FOLDER}/server.pem")]
    assert expiry(deployed) != old
    assert set(poller.statuses) <= {200, 304}
    assert set(poster.statuses) == {200}
    assert event(deployed) == [200]
    again = deployed.run("plan", "--json")
    assert (again.code, again.changes("bh1"), again.changes("fgt1")) == (0, [], [])


def test_a_name_that_is_added_reaches_the_certificate_and_the_ca_in_one_apply(
    deployed: LabSite,
) -> None:
    deployed.write_inventory("receiver_tls_names: [ban.example.net]")
    ran = deployed.run("apply", "-y", "--json")
    assert ran.code == 0, ran.out
    assert ran.changes("bh1") == [
        ("update", f"authority:{FOLDER}/ca.pem"),
        ("update", f"certificate:{FOLDER}/server.pem"),
    ]
    assert ran.changes("fgt1") == [("update", "vpn certificate ca:banstitch_ca")]
    shown = deployed.host.run(f"openssl x509 -in {FOLDER}/ca.pem -noout -text", check=True).stdout
    assert "DNS:ban.example.net" in shown.split("X509v3 Name Constraints: critical")[1]
    assert event(deployed) == [200]
    again = deployed.run("plan", "--json")
    assert (again.code, again.changes("bh1"), again.changes("fgt1")) == (0, [], [])


def test_a_damaged_certificate_is_told_to_the_journal_and_the_one_before_goes_on(
    deployed: LabSite,
) -> None:
    server = f"{FOLDER}/server.pem"
    deployed.host.run(f"cp -p {server} {server}.n && echo x >{server}.n", check=True)
    deployed.host.run(f"cp -p {server} {server}.kept && mv {server}.n {server}", check=True)
    assert [event(deployed) for _ in range(10)] == [[200]] * 10

    said = "journalctl --sync; journalctl -u banstitch-receiver -o cat | grep 'cannot use the cert'"
    lines = deployed.host.console(said, check=True).stdout.splitlines()
    assert 1 <= len(lines) <= 2  # one a worker, however many connections came
    assert lines[0].startswith(f"cannot use the certificate in {server}: ")

    deployed.host.run(f"mv {server}.kept {server}", check=True)
    assert event(deployed) == [200]


def test_a_lost_ca_is_recreated_and_sent_to_the_fortigate(deployed: LabSite) -> None:
    deployed.host.run(f"rm {FOLDER}/ca.pem", check=True)
    ran = deployed.run("apply", "-y", "--json")
    assert ran.code == 0, ran.out
    assert ran.changes("fgt1") == [("update", "vpn certificate ca:banstitch_ca")]
    assert event(deployed) == [200]


def test_clients_without_a_handshake_do_not_block_others(deployed: LabSite) -> None:
    with ExitStack() as idle:
        for number in range(2000):
            client = idle.enter_context(socket.socket())
            client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            client.bind((f"127.0.3.{number % 100 + 1}", 0))
            client.connect((deployed.host.address, 5000))
        assert [event(deployed) for _ in range(10)] == [[200]] * 10


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_large_feed_arrives_whole_at_a_slow_client_and_says_its_end(
    deployed: LabSite, version: ssl.TLSVersion
) -> None:
    answer = b""
    with encrypted(deployed, version) as client:
        client.sendall(get("/blocked-ips", Authorization=feed_of_many(deployed)))
        while got := client.recv(4096):  # without a proper end this raises
            answer += got
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body.split()) == MANY


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_a_client_with_an_old_tls_version_is_refused_with_the_reason(deployed: LabSite) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        encrypted(deployed, ssl.TLSVersion.TLSv1_1)


def encrypted(site: LabSite, version: ssl.TLSVersion) -> ssl.SSLSocket:
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


def feed_of_many(site: LabSite) -> str:
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
        deployed.host.console("sleep 1; systemctl restart --no-block banstitch-receiver; sleep 2")
        encrypted_client = context.wrap_socket(client, server_hostname=deployed.host.address)
        encrypted_client.sendall(get("/healthz"))
        assert encrypted_client.recv(4096).startswith(b"HTTP/1.1 200")


def test_certificates_of_the_operator_are_used(site: LabSite, tmp_path: Path) -> None:
    given = lines_for(site, tmp_path)
    site.write_inventory(given)
    ran = site.run("apply", "-y", "--json")
    assert ran.code == 0, ran.out + ran.err
    assert "PRIVATE KEY" not in ran.out
    assert (tmp_path / "key.pem").read_text().split("\n")[1] not in ran.out
    assert site.host.run(f"ls {FOLDER}/ca.pem").returncode
    assert event(site) == [200]
    site.units[0].poll_feeds()
    assert site.run("verify").code == 0
    assert "expires in" in site.run("plan").out


def lines_for(site: LabSite, folder: Path) -> str:
    """Make a CA and what it signed for 20 days, and give the inventory's lines about them."""
    script = (
        "ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
        "openssl req -x509 $ec -keyout ca.key -subj /CN=theirs -days 99 -out ca.pem\n"
        "openssl req $ec -keyout key.pem -subj /CN=x -out csr\n"
        f"echo subjectAltName=IP:{site.host.address} >ext\n"
        "openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -set_serial 1 -days 20 -extfile ext"
        " -out cert.pem\n"
    )
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
    paths = {"certificate": "cert.pem", "key": "key.pem", "ca": "ca.pem"}
    named = (f"receiver_tls_{what}: {folder / name}" for what, name in paths.items())
    return "\n".join(["receiver_tls: files", *named])


def test_it_is_switched_off_and_on_and_teardown_leaves_nothing(
    tmp_path: Path, ready_root: Path
) -> None:
    with LabSite(tmp_path / "inventory", ready_root, [fortigate_options()]) as site:
        before, shown = site.listing(), without_enc(site.units[0].show())
        for settings in ("receiver_tls: off", "", "receiver_tls: off", ""):
            site.write_inventory(settings)
            ran = site.run("apply", "-y")
            assert ran.code == 0, ran.out + ran.err
            assert event(site) == [200]
            assert bool(site.host.run(f"ls {FOLDER}").returncode) == bool(settings)
            assert ("banstitch_ca" in site.units[0].show()) == (not settings)
        torn = site.run("teardown", "-y", "--purge-data")
        assert torn.code == 0, torn.out + torn.err
        assert site.listing() == before
        assert list_leftovers(site) == []
        assert without_enc(site.units[0].show()) == shown
