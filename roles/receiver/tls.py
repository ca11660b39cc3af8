"""The certificate with which the receiver identifies itself to FortiGates.

Part of the role `receiver`. `certificate_files` is slow to import, so it is imported only for a certificate
of the operator's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Annotated, Literal

from banstitch_shared.addresses import is_address
from pydantic import Field, field_validator

from provision.desired.context import CA_NOT_MADE_YET, Context
from provision.desired.host_paths import AUTHORITY, CERTIFICATE, ETC, USER
from provision.errors import InputError, Problem
from provision.linux.kinds.certificate import Authority, Certificate
from provision.linux.kinds.directory import Directory
from provision.linux.kinds.package import Package
from provision.linux.kinds.resource import Resource
from provision.sites.settings import RoleSettings

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def check_host(text: str) -> str:
    """Return ``text``, which must be an address, a host name, or empty.

    Raises:
        ValueError: it is neither.
    """
    if text and not is_address(text) and not _HOST.fullmatch(text):
        raise ValueError("it must be an address or a host name")
    return text


class Settings(RoleSettings):
    """Encryption and certificate of the receiver."""

    receiver_tls: Annotated[
        Literal["self_signed", "files", "off"],
        Field(
            description="self_signed: HTTPS with a CA of the ban host; files: HTTPS with your own"
            " certificate; off: plain HTTP"
        ),
    ] = "self_signed"
    receiver_tls_names: Annotated[
        tuple[str, ...],
        Field(
            description="for self_signed: more addresses and names that the certificate is valid for"
        ),
    ] = ()
    receiver_tls_certificate: Annotated[
        str, Field(description="for files: certificate and chain, a PEM file on your machine")
    ] = ""
    receiver_tls_key: Annotated[
        str, Field(description="for files: unencrypted private key, a PEM file on your machine")
    ] = ""
    receiver_tls_ca: Annotated[
        str,
        Field(description="for files: CA certificate that FortiGates have to import, a PEM file"),
    ] = ""

    @field_validator("receiver_tls_names")
    @classmethod
    def _check_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(check_host, value))


def choose_scheme(settings: Settings) -> str:
    """Return the scheme of the URLs."""
    return "http" if settings.receiver_tls == "off" else "https"


def find_certificate(settings: Settings) -> str:
    """Return the path of the receiver's key and certificate on the ban host; empty if there is none."""
    return "" if settings.receiver_tls == "off" else CERTIFICATE


def read_authority(context: Context, settings: Settings) -> str:
    """Return the CA certificate (PEM) that FortiGates have to import; empty if there is none.

    Raises:
        InputError: ``receiver_tls_ca`` does not name a file with exactly one certificate.
    """
    if settings.receiver_tls == "self_signed":
        return context.ca.strip() or CA_NOT_MADE_YET
    if settings.receiver_tls == "off" or not settings.receiver_tls_ca:
        return ""
    from provision.desired import certificate_files

    with _Problems(context, "receiver_tls_ca"):
        pem = certificate_files.read_text(settings.receiver_tls_ca).strip()
        if len(certificate_files.parse_certificates(pem, settings.receiver_tls_ca)) > 1:
            raise ValueError(f"{settings.receiver_tls_ca} must contain exactly one certificate")
    return pem


def list_resources(
    context: Context, settings: Settings, names: Sequence[str]
) -> tuple[Resource, ...]:
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
                raise ValueError(
                    "it must be set for receiver_tls: files, and so must receiver_tls_key"
                )
            content = certificate_files.read_pair(*paths, names[0])
        return folder, Certificate(CERTIFICATE, (), "", content, group=USER)
    valid_for = dict.fromkeys(str(ip_address(n)) if is_address(n) else n for n in names)
    return (
        folder,
        Package("openssl"),
        Authority(AUTHORITY, tuple(valid_for)),
        Certificate(CERTIFICATE, tuple(valid_for), AUTHORITY, group=USER),
    )


class _Problems:
    """Turns a file error inside the block into a problem of the ``setting`` that names the file."""

    def __init__(self, context: Context, setting: str) -> None:
        self._context, self._setting = context, setting

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError):
            host = self._context.site.ban_host.name
            remedy = "name PEM files that belong together"
            raise InputError([Problem(host, 0, f"{self._setting}: {error}", remedy)]) from error
