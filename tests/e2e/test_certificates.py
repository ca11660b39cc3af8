"""Certificates of the receiver: renewed, replaced, brought along, switched off."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.poller import Meanwhile, Poller
from tests.e2e.site_helpers import list_leftovers, without_enc
from tests.e2e.tls_site import FOLDER, log_event
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab
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


class Poster(Meanwhile):
    """As a context manager, the unit sees one failed login after the other inside."""

    def __init__(self, site: LabSite) -> None:
        super().__init__(lambda: self.statuses.update(log_event(site)), 0.02)
        self.statuses: Counter[int] = Counter()


def read_expiry(site: LabSite) -> str:
    shown = f"openssl x509 -in {FOLDER}/server.pem -noout -enddate"
    return site.host.console(shown, check=True).stdout


def test_apply_renews_what_expires_in_10_days_and_nobody_notices(deployed: LabSite) -> None:
    deployed.host.console(SOON_OVER, check=True)
    old = read_expiry(deployed)
    with Poller(deployed, ()) as poller, Poster(deployed) as poster:
        assert within(60, lambda: poller.answers > 20 and poster.statuses.total() > 20)
        ran = deployed.run("apply", "-y", "--json")
        seen, sent = poller.answers, poster.statuses.total()
        assert within(60, lambda: poller.answers > seen + 20)
        assert within(60, lambda: poster.statuses.total() > sent + 20)

    assert ran.code == 0, ran.out
    assert ran.changes("bh1") == [("update", f"certificate:{FOLDER}/server.pem")]
    assert read_expiry(deployed) != old
    assert set(poller.statuses) <= {200, 304}
    assert set(poster.statuses) == {200}
    assert log_event(deployed) == [200]
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
    shown = deployed.host.console(
        f"openssl x509 -in {FOLDER}/ca.pem -noout -text", check=True
    ).stdout
    assert "DNS:ban.example.net" in shown.split("X509v3 Name Constraints: critical")[1]
    assert log_event(deployed) == [200]
    again = deployed.run("plan", "--json")
    assert (again.code, again.changes("bh1"), again.changes("fgt1")) == (0, [], [])


def has_answered_by_each_worker(site: LabSite) -> bool:
    """Return whether each of the two workers answers while the other one is stopped."""
    workers = "pgrep -P $(systemctl show -P MainPID banstitch-receiver)"
    pids = site.host.console(workers).stdout.split()
    for pid in pids:
        site.host.console(f"kill -STOP {pid}", check=True)
        answered = log_event(site) == [200]
        site.host.console(f"kill -CONT {pid}", check=True)
        if not answered:
            return False
    return len(pids) == 2


def test_a_damaged_certificate_is_logged_to_the_journal_and_the_earlier_one_stays_in_use(
    deployed: LabSite,
) -> None:
    server = f"{FOLDER}/server.pem"
    # a worker that starts now would know no earlier one
    assert within(60, lambda: has_answered_by_each_worker(deployed))
    deployed.host.console(f"cp -p {server} {server}.n && echo x >{server}.n", check=True)
    deployed.host.console(f"cp -p {server} {server}.kept && mv {server}.n {server}", check=True)
    assert [log_event(deployed) for _ in range(10)] == [[200]] * 10

    said = "journalctl --sync; journalctl -u banstitch-receiver -o cat | grep 'cannot use the cert'"
    lines = deployed.host.console(said, check=True).stdout.splitlines()
    assert 1 <= len(lines) <= 2  # one a worker, however many connections came
    assert lines[0].startswith(f"cannot use the certificate in {server}: ")

    deployed.host.console(f"mv {server}.kept {server}", check=True)
    assert log_event(deployed) == [200]


def test_a_lost_ca_is_recreated_and_sent_to_the_fortigate(deployed: LabSite) -> None:
    deployed.host.console(f"rm {FOLDER}/ca.pem", check=True)
    ran = deployed.run("apply", "-y", "--json")
    assert ran.code == 0, ran.out
    assert ran.changes("fgt1") == [("update", "vpn certificate ca:banstitch_ca")]
    assert log_event(deployed) == [200]


def test_certificates_of_the_operator_are_used(site: LabSite, tmp_path: Path) -> None:
    given = write_certificates(site, tmp_path)
    site.write_inventory(given)
    ran = site.run("apply", "-y", "--json")
    assert ran.code == 0, ran.out + ran.err
    assert "PRIVATE KEY" not in ran.out
    assert (tmp_path / "key.pem").read_text().split("\n")[1] not in ran.out
    assert site.host.console(f"ls {FOLDER}/ca.pem").returncode
    assert log_event(site) == [200]
    site.units[0].poll_feeds()
    assert site.run("verify").code == 0
    assert "expires in" in site.run("plan").out


def write_certificates(site: LabSite, folder: Path) -> str:
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
        before, shown = site.list_files(), without_enc(site.units[0].show())
        for settings in ("receiver_tls: off", "", "receiver_tls: off", ""):
            site.write_inventory(settings)
            ran = site.run("apply", "-y")
            assert ran.code == 0, ran.out + ran.err
            assert log_event(site) == [200]
            assert bool(site.host.console(f"ls {FOLDER}").returncode) == bool(settings)
            assert ("banstitch_ca" in site.units[0].show()) == (not settings)
        torn = site.run("teardown", "-y", "--purge-data")
        assert torn.code == 0, torn.out + torn.err
        assert site.list_files() == before
        assert list_leftovers(site) == []
        assert without_enc(site.units[0].show()) == shown
