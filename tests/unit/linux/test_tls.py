"""When certificates are made anew, which ones of the operator are taken, and what FortiGates are told."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import roles.detection.role
import roles.receiver.role
from provision.desired import certificate_files
from provision.desired.context import Context
from provision.errors import InputError
from provision.fortios.config.desired import read_blocks
from provision.fortios.config.facts import assume_facts
from provision.fortios.config.versions import read_version
from provision.fortios.planning.planner import plan as fortios_plan
from provision.fortios.record.record import Record, remap_scopes
from provision.linux import planner
from provision.linux.agent import memory, pem
from provision.linux.agent.journal import Journal
from provision.linux.agent.kinds import certificate
from provision.linux.agent.protocol.steps import MakeAuthority, MakeCertificate
from provision.linux.draft import LinuxPlan
from provision.linux.kinds.certificate import Authority, Certificate
from provision.linux.kinds.resource import Resource
from roles import feed, webhook
from tests.unit.linux.linux_model import Host
from tests.unit.roles.sample_ca import CA
from tests.unit.roles.sample_site import fortios, sample_site

CA_PATH, PATH = "/etc/x/ca.pem", "/etc/x/server.pem"
NAMES = ("192.0.2.10", "localhost")
MADE: tuple[Resource, ...] = (Authority(CA_PATH, NAMES), Certificate(PATH, NAMES, CA_PATH))


# --- when -------------------------------------------------------------------------------------


def deployed(wanted: tuple[Resource, ...] = MADE) -> Host:
    host = Host()
    host.carry_out(planned(host, wanted))
    assert planned(host, wanted).changes == ()
    return host


def planned(host: Host, wanted: tuple[Resource, ...] = MADE) -> LinuxPlan:
    return planner.plan(wanted, host.observed(wanted))


@pytest.mark.parametrize(("days", "renewed"), [(31, False), (30, False), (29.9, True), (-1, True)])
def test_a_certificate_is_renewed_when_fewer_than_30_days_are_left(
    days: float, renewed: bool
) -> None:
    host = deployed()
    host.certificates[PATH]["days_left"] = days
    found = [(change.action, change.id) for change in planned(host).changes]
    assert found == ([("update", f"certificate:{PATH}")] if renewed else [])


def test_a_ca_is_renewed_before_it_ends_earlier_than_what_it_signs() -> None:
    host = deployed()
    host.certificates[CA_PATH]["days_left"] = 428
    assert planned(host).changes == ()
    host.certificates[CA_PATH]["days_left"] = 426
    (change,) = planned(host).changes
    assert (change.id, change.reason) == (
        f"authority:{CA_PATH}",
        "it expires in 426 days; the key stays",
    )


def test_other_names_or_another_ca_need_another_certificate() -> None:
    host = deployed()
    more = (*NAMES, "ban.example.net")
    other = (Authority(CA_PATH, more), Certificate(PATH, more, CA_PATH))
    authority, change = planned(host, other).changes
    assert authority.reason == "it may sign for 192.0.2.10, localhost; the key stays"
    assert "192.0.2.10, localhost" in change.reason
    host.certificates[PATH]["sound"] = False
    (change,) = planned(host).changes
    assert "its CA did not sign it" in change.reason


def test_a_given_certificate_is_replaced_by_another_and_its_end_is_shown() -> None:
    first, second = (Certificate(PATH, (), "", text) for text in ("one", "two"))
    host = deployed((first,))
    assert host.certificates[PATH]["digest"] == hashlib.sha256(b"one").hexdigest()
    host.certificates[PATH]["days_left"] = 29
    assert "get a new one" in planned(host, (first,)).warnings[0]
    (change,) = planned(host, (second,)).changes
    assert (change.id, change.diff) == (f"certificate:{PATH}", "")


def test_what_an_inventory_no_longer_names_goes_without_being_shown() -> None:
    host = deployed()
    found = planned(host, ())
    assert {(c.action, c.id, c.diff) for c in found.changes} == {
        ("delete", f"authority:{CA_PATH}", ""),
        ("delete", f"certificate:{PATH}", ""),
    }
    host.carry_out(found)
    assert host.paths == {}


# --- made ---------------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr(memory, "save", lambda _: None)
    monkeypatch.setattr(certificate, "SCRATCH", str(tmp_path))
    yield Journal(memory.new())
    assert not list(tmp_path.glob("banstitch-*"))


ROOT = ("root", "root")


def authority_step(path: Path, names: tuple[str, ...] = NAMES) -> MakeAuthority:
    return MakeAuthority(str(path), 0o600, *ROOT, names=names)


def certificate_step(path: Path, authority: str, names: tuple[str, ...] = NAMES) -> MakeCertificate:
    return MakeCertificate(str(path), 0o600, *ROOT, authority=authority, names=names, content="")


def test_what_is_made_is_signed_good_for_its_names_and_in_one_file_with_its_key(
    journal: Journal, tmp_path: Path
) -> None:
    ca, server = tmp_path / "ca.pem", tmp_path / "server.pem"
    names = ("192.0.2.10", "2001:db8::1", "ban.example.net")
    certificate.make_authority(authority_step(ca, names=names), journal)
    certificate.make_certificate(certificate_step(server, authority=str(ca), names=names), journal)

    found = pem.read_certificate(str(server), str(ca))
    assert found is not None
    assert found.names == sorted(names)
    assert found.sound
    assert 396 < found.days_left <= 397
    assert "PRIVATE KEY" not in found.pem
    # the operator's check of a given one takes it as well
    assert certificate_files.list_names(certificate_files.parse_certificates(found.pem, "x")[0])


def test_a_renewed_ca_still_vouches_for_what_it_signed_and_a_new_one_does_not(
    journal: Journal, tmp_path: Path
) -> None:
    ca, server, old = (tmp_path / name for name in ("ca.pem", "server.pem", "old.pem"))
    certificate.make_authority(authority_step(ca, names=NAMES), journal)
    certificate.make_certificate(certificate_step(server, authority=str(ca), names=NAMES), journal)
    old.write_text(ca.read_text())
    certificate.make_authority(authority_step(ca, names=NAMES), journal)
    certificate.make_certificate(certificate_step(server, authority=str(ca), names=NAMES), journal)

    def sound(authority: Path) -> bool:
        found = pem.read_certificate(str(server), str(authority))
        return found is not None and bool(found.sound)

    assert old.read_text() != ca.read_text()
    assert sound(ca)
    assert sound(old)
    ca.unlink()
    certificate.make_authority(authority_step(ca, names=NAMES), journal)
    assert not sound(ca)


def test_a_failed_run_brings_the_old_certificate_back(journal: Journal, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    certificate.make_authority(authority_step(ca, names=NAMES), journal)
    before = ca.read_text()
    again = Journal(journal.manifest)
    certificate.make_authority(authority_step(ca, names=NAMES), again)
    assert ca.read_text() != before
    assert again.undo() == []
    assert ca.read_text() == before
    assert journal.undo() == []
    assert not ca.exists()


# --- given --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for *.example.net and 192.0.2.10, one that has expired, and another key."""
    folder = tmp_path_factory.mktemp("theirs")
    script = (
        "new='openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x'\n"
        "names='subjectAltName=DNS:*.example.net,IP:192.0.2.10'\n"
        "$new -keyout key.pem -out cert.pem -addext $names -days 99\n"
        "$new -keyout other.pem -out rest.pem\n"
        "openssl req -new -key key.pem -subj /CN=x -out csr\n"
        "echo $names >ext\n"
        "openssl x509 -req -in csr -signkey key.pem -days -1 -extfile ext -out expired.pem\n"
    )
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", ["192.0.2.10", "ban.example.net", "BAN.example.net"])
def test_a_certificate_that_fits_is_taken(theirs: Path, name: str) -> None:
    text = certificate_files.read_pair(str(theirs / "cert.pem"), str(theirs / "key.pem"), name)
    assert text.count("-----BEGIN") == 2


@pytest.mark.parametrize(
    ("certificate", "key", "name", "why"),
    [
        (
            "cert.pem",
            "key.pem",
            "192.0.2.11",
            r"must be valid for 192\.0\.2\.11; it is valid for \*\.example\.net, 192\.0\.2\.10",
        ),
        ("cert.pem", "key.pem", "a.ban.example.net", "must be valid for a.ban.example.net"),
        ("cert.pem", "other.pem", "192.0.2.10", "must be the key of"),
        ("expired.pem", "key.pem", "192.0.2.10", "expired on"),
        ("key.pem", "key.pem", "192.0.2.10", "holds no certificate"),
        ("cert.pem", "cert.pem", "192.0.2.10", "holds no key"),
        ("nothing.pem", "key.pem", "192.0.2.10", "No such file"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused_with_the_reason(
    theirs: Path, certificate: str, key: str, name: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        certificate_files.read_pair(str(theirs / certificate), str(theirs / key), name)


def test_a_file_that_is_missing_is_an_error_of_its_setting() -> None:
    settings = roles.receiver.role.Settings(
        receiver_tls="files", receiver_tls_certificate="/nonexistent"
    )
    site = sample_site({"receiver": settings})
    with pytest.raises(InputError, match="receiver_tls_key"):
        roles.receiver.role.resources(Context(site, site.ban_host))


# --- told ---------------------------------------------------------------------------------------


def blocks(version: str = "7.4.8", vdom: str = "", **settings: Any) -> tuple[str, list[str]]:
    """The text for a FortiGate, and the notes about it."""
    detections = {"detection_enabled": ["user_auth_failed"], "detection_success_events": False}
    site = sample_site(
        {
            "receiver": roles.receiver.role.Settings(**settings),
            "detection": roles.detection.role.Settings.model_validate(detections),
        }
    )
    context = replace(fortios(site), facts=assume_facts(read_version(version), vdom))
    found = (*webhook.blocks(context), *feed.blocks(context))
    return "".join(each.text for each in found), [each.note for each in found if each.note]


def test_a_fortigate_is_given_the_ca_and_checks_by_it() -> None:
    text, notes = blocks()
    assert (
        f'config vpn certificate ca\n    edit "banstitch_ca"\n        set ca "{CA.strip()}"' in text
    )
    assert "server-identity-check full" in text
    assert notes == []
    assert "set ssl-inspection-trusted disable" in text
    assert "\nconfig certificate ca\n" in "\n" + blocks(vdom="root")[0]


def test_a_version_that_cannot_check_says_so() -> None:
    assert len(blocks("7.2.0")[1]) == 1
    assert len(blocks("6.4.15")[1]) == 2
    assert "server-identity-check" not in blocks("7.2.0")[0]


def test_without_tls_a_fortigate_gets_no_ca() -> None:
    text, notes = blocks("6.4.15", receiver_tls="off")
    assert "certificate" not in text
    assert "https" not in text
    assert notes == []


def test_the_form_in_which_a_fortigate_shows_a_ca_makes_no_difference() -> None:
    context = fortios(sample_site())
    wanted = read_blocks([webhook.blocks(context)[0]])
    (one,) = wanted.objects
    shown = CA.strip().replace("\n", "\r\n") + "\n"
    from provision.fortios.config.observed import Observed
    from provision.fortios.config.text import parse

    lines = (f'set ca "{shown}"', "set range global", "set ssl-inspection-trusted disable")
    body = "\n".join(("config x", *lines, "set last-updated 17", "end\n")).replace("\r", "")
    (config,) = parse(body)
    observed = Observed("S", {one.id: config.body})  # type: ignore[union-attr]
    record = Record("S", {one.id: None})
    assert fortios_plan(wanted, observed, record, key=b"k").changes == ()


def test_the_ca_is_known_by_its_other_name_when_vdoms_are_switched_on_and_off() -> None:
    plain = Record("S", {"vpn certificate ca:banstitch_ca": None})
    split = remap_scopes(plain, ("root",))
    assert list(split.objects) == ["global/certificate ca:banstitch_ca"]
    assert remap_scopes(split, ()) == plain
