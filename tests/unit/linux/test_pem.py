"""A certificate is printed as one line; what is not one to the letter is printed as it is."""

from __future__ import annotations

import hashlib
import ssl

import pytest

from provision.linux.draft import Draft
from provision.linux.kinds.certificate import Certificate
from provision.linux.observation import assume_untouched
from provision.linux.pem import fingerprint, in_one_line
from tests.unit.roles.sample_ca import CA

DIGEST = hashlib.sha256(ssl.PEM_cert_to_DER_cert(CA.strip())).hexdigest().upper()
SPELT = ":".join(DIGEST[n : n + 2] for n in range(0, 64, 2))
HEAD, TAIL = "-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----"


def test_a_certificate_in_cli_becomes_its_fingerprint() -> None:
    cli = f'config vpn certificate ca\n    edit "x"\n        set ca "{CA.strip()}"\n    next\nend'
    assert in_one_line(cli).splitlines() == [
        "config vpn certificate ca",
        '    edit "x"',
        f'        set ca "(certificate, SHA-256 {SPELT})"',
        "    next",
        "end",
    ]


def test_the_fingerprint_is_that_of_the_certificate_behind_a_key() -> None:
    assert (
        fingerprint(f"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n{CA}") == SPELT
    )
    assert fingerprint("no certificate") == ""


@pytest.mark.parametrize(
    "body",
    ["end\nconfig system admin", "QUJD\nnext", "QUJDR", "QUJ=QUJD", "QUJE\n\n set x 1", "QR=="],
)
def test_lines_between_the_marks_that_are_no_base_64_are_not_hidden(body: str) -> None:
    assert in_one_line(HEAD + body + TAIL) == HEAD + body + TAIL


def test_a_plan_names_the_fingerprint_of_a_certificate_that_was_given() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"
    draft = Draft(assume_untouched(()), frozenset(), adopt=False)
    Certificate("/etc/x.pem", ("192.0.2.1",), content=key + CA).plan(draft)
    Certificate("/etc/y.pem", ("192.0.2.1",), authority="/etc/ca.pem").plan(draft)
    given, made = draft.changes
    assert given.reason == f"given, SHA-256 {SPELT}; its key is not shown"
    assert made.reason == "made on the host; its key is not shown"
