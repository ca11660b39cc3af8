"""The certificate with which the receiver identifies itself to FortiGates.

A part of the role `receiver`, with settings, problems and resources enough for a file of its own. A
certificate of the operator's is the only reason to import `certificate_files`, which is slow to load.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import Field, field_validator

from provision.desired.context import CA_NOT_MADE_YET, Context, is_address
from provision.desired.host_paths import AUTHORITY, CERTIFICATE, ETC, USER
from provision.errors import InputError, Problem
from provision.linux.kinds.certificate import Authority, Certificate
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.sites.settings import RoleSettings

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def checked_host(text: str) -> str:
    """``text`` if it is an address, a host name, or empty.

    Raises:
        ValueError: it is neither.
    """
    if text and not is_address(text) and not _HOST.fullmatch(text):
        raise ValueError("is neither an address nor a host name")
    return text


class Settings(RoleSettings):
    """Encryption and certificate of the receiver."""

    receiver_tls: Annotated[
        Literal["self_signed", "files", "off"],
        Field(description="https by a CA of the ban host's own, by files of yours, or plain http"),
    ] = "self_signed"
    receiver_tls_names: Annotated[
        tuple[str, ...],
        Field(description="more addresses and names that the self_signed certificate is good for"),
    ] = ()
    receiver_tls_certificate: Annotated[
        str, Field(description="for files: certificate and chain in PEM form, on your machine")
    ] = ""
    receiver_tls_key: Annotated[
        str, Field(description="for files: its key in PEM form, unencrypted, on your machine")
    ] = ""
    receiver_tls_ca: Annotated[
        str,
        Field(
            description="for files: certificate of a CA that FortiGates do not know by themselves"
        ),
    ] = ""

    @field_validator("receiver_tls_names")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(checked_host, value))


def scheme(settings: Settings) -> str:
    """Return the scheme of the URLs."""
    return "http" if settings.receiver_tls == "off" else "https"


def certificate(settings: Settings) -> str:
    """Return the path of the receiver's key and certificate on the ban host; empty if there is none."""
    return "" if settings.receiver_tls == "off" else CERTIFICATE


def authority(context: Context, settings: Settings) -> str:
    """The certificate, in PEM form, of the CA that FortiGates must be told of; empty if there is none.

    Raises:
        InputError: ``receiver_tls_ca`` names no single certificate.
    """
    if settings.receiver_tls == "self_signed":
        return context.ca.strip() or CA_NOT_MADE_YET
    if settings.receiver_tls == "off" or not settings.receiver_tls_ca:
        return ""
    from provision.desired import certificate_files

    with _Problems(context, "receiver_tls_ca"):
        pem = certificate_files.read_text(settings.receiver_tls_ca).strip()
        if len(certificate_files.parse_certificates(pem, settings.receiver_tls_ca)) > 1:
            raise ValueError(f"{settings.receiver_tls_ca} holds several certificates")
    return pem


def resources(context: Context, settings: Settings, names: Sequence[str]) -> tuple[Resource, ...]:
    """Return the resources for a certificate with ``names``: addresses or host names.

    Raises:
        InputError: the operator's own files cannot be used.
    """
    if settings.receiver_tls == "off":
        return ()
    folder = Directory(f"{ETC}/tls", 0o750, "root", USER)
    if settings.receiver_tls == "files":
        from provision.desired import certificate_files

        with _Problems(context, "receiver_tls_certificate"):
            paths = (settings.receiver_tls_certificate, settings.receiver_tls_key)
            if not all(paths):
                raise ValueError("receiver_tls: files needs it, and receiver_tls_key")
            content = certificate_files.read_pair(*paths, names[0])
        return folder, Certificate(CERTIFICATE, (), "", content, group=USER)
    spelt = dict.fromkeys(str(ip_address(n)) if is_address(n) else n for n in names)
    return (
        folder,
        Package("openssl"),
        Authority(AUTHORITY, tuple(spelt)),
        Certificate(CERTIFICATE, tuple(spelt), AUTHORITY, group=USER),
    )


class _Problems:
    """A file that cannot be used is a problem of the ``setting`` that names it."""

    def __init__(self, context: Context, setting: str) -> None:
        self._context, self._setting = context, setting

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError):
            host = self._context.site.ban_host.name
            instead = "name files in PEM form that belong together"
            raise InputError([Problem(host, 0, f"{self._setting}: {error}", instead)]) from error
