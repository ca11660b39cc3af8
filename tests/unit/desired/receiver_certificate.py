"""The certificate of a receiver with two names, and the steps that make it and its CA."""

from __future__ import annotations

from pathlib import Path

from provision.linux.agent.protocol.steps import MakeAuthority, MakeCertificate

CA_PATH, PATH = "/etc/x/ca.pem", "/etc/x/server.pem"
RECEIVER = ("192.0.2.10", "ban.example.net", "127.0.0.1", "::1", "localhost")


def make_authority_step(path: Path) -> MakeAuthority:
    return MakeAuthority(str(path), 0o600, "root", "root", names=RECEIVER)


def make_certificate_step(path: Path, authority: str) -> MakeCertificate:
    attributes = (str(path), 0o600, "root", "root")
    return MakeCertificate(*attributes, authority=authority, names=RECEIVER, content="")
