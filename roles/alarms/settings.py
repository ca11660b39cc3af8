"""The settings of alarms: channels, limits, quiet hours, and the heartbeat."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from provision.sites.setting_types import Duration, Expected, Port, Unquoted
from provision.sites.settings import RoleSettings, Strict

Severity = Literal["info", "warning", "critical"]
Kind = Literal[
    "abuseipdb",
    "attacked",
    "ban_limit",
    "burst",
    "certificate",
    "channel",
    "clock",
    "disk",
    "drift",
    "error",
    "full",
    "heartbeat",
    "peer",
    "jump",
    "login",
    "polls",
    "posts",
    "rate",
    "receiver",
    "refused",
    "rules",
    "shield",
    "unreadable",
]
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)"
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_QUIET = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9]) (\S+)")
_URL = re.compile(r"[!-~]{1,2000}")
_ASCII = re.compile(r"[ -~]{1,1000}")


def check_url(secret: SecretStr) -> SecretStr:
    """Return the URL of a webhook.

    Raises:
        ValueError: it is no https URL. http is for addresses of a private network only.
    """
    text = secret.get_secret_value()
    url = urlsplit(text)
    if not _URL.fullmatch(text) or not url.hostname or url.username is not None:
        raise Unquoted("it must be like https://example.com/path")
    url.port  # noqa: B018 - raises ValueError where it is no port
    if url.scheme != "https" and not (url.scheme == "http" and _is_private(url.hostname)):
        raise Unquoted("it must begin with https://; http:// is for private addresses only")
    return secret


def check_ascii(secret: SecretStr) -> SecretStr:
    """Return a password or token. Raises ValueError where it has a character that no protocol carries.

    The usual one is a line break at the end of a file: http would refuse it with the secret in its error.
    """
    if not _ASCII.fullmatch(secret.get_secret_value()):
        raise Unquoted("it must be printable ASCII on one line, without a line break at the end")
    return secret


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether a mail server is this host itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


SecretUrl = Annotated[
    SecretStr,
    AfterValidator(check_url),
    Expected("an https URL; http only for an address of a private network"),
]


AsciiSecret = Annotated[SecretStr, AfterValidator(check_ascii)]


class Webhook(Strict):
    """A webhook; ``name`` appears in reports."""

    url: SecretUrl
    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,29}$"),
        Expected("a name of its own, of at most 30 letters, digits, '_', '.' and '-'"),
    ]
    template: Literal["generic", "slack", "teams", "ntfy", "matrix"] = "generic"
    token: AsciiSecret | None = None
    minimum: Severity = "warning"


class Settings(RoleSettings):
    """Channels, limits and quiet hours of alarms, and the heartbeat."""

    alarms: Annotated[
        Literal["auto", "on", "off"],
        Field(
            description="auto: raise alarms if there is a channel or a heartbeat; on: raise them without a"
            " channel, too, for `alarms`, `status` and the journal"
        ),
    ] = "auto"
    alarms_mail_to: Annotated[
        tuple[str, ...], Field(description="mail addresses that get alarms")
    ] = ()
    alarms_mail_from: Annotated[str, Field(description="the sender of the mails")] = ""
    alarms_mail_server: Annotated[
        str,
        Field(
            pattern=rf"^{_HOST}$",
            description="mail server; localhost is the mail system of the ban host itself",
        ),
        Expected("a host name or an address, without a port; an IPv6 address in brackets"),
    ] = "localhost"
    alarms_mail_port: Annotated[
        Port | None,
        Field(
            description="port of the mail server; default: 587 with starttls, 465 with tls, 25 with off"
        ),
    ] = None
    alarms_mail_security: Annotated[
        Literal["starttls", "tls", "off"] | None,
        Field(
            description="encryption of the connection to the mail server; default: starttls, or off for"
            " localhost; off is accepted only for localhost"
        ),
    ] = None
    alarms_mail_user: Annotated[
        str,
        Field(pattern=r"^[ -~]{0,200}$", description="name to log in to the mail server"),
        Expected("a name of at most 200 characters of printable ASCII"),
    ] = ""
    alarms_mail_password: Annotated[
        AsciiSecret | None, Field(description="password to log in to the mail server")
    ] = None
    alarms_mail_minimum: Annotated[
        Severity, Field(description="minimum severity of the alarms that are sent by mail")
    ] = "warning"
    alarms_webhooks: Annotated[
        tuple[Webhook, ...],
        Field(
            max_length=10,
            description="webhooks: url, name, template (generic, slack, teams, ntfy, matrix), token,"
            " minimum (info, warning, critical)",
        ),
    ] = ()
    alarms_syslog: Annotated[
        str,
        Field(
            pattern=rf"^(|(udp|tcp|tls)://{_HOST}:[0-9]{{1,5}})$",
            description="a syslog server, such as tls://log.example.com:6514, udp:// or tcp://",
        ),
        Expected("like tls://log.example.com:6514, with a port, and with udp, tcp or tls"),
    ] = ""
    alarms_syslog_minimum: Annotated[
        Severity,
        Field(description="minimum severity of the alarms that are sent to the syslog server"),
    ] = "info"
    alarms_ca: Annotated[
        str, Field(description="more CAs to trust when alarms are sent, a PEM file on your machine")
    ] = ""
    alarms_proxy: Annotated[
        str,
        Field(
            pattern=rf"^(|{_HOST}:[0-9]{{1,5}})$",
            description="HTTP proxy, HOST:PORT, for https to webhooks, the heartbeat and AbuseIPDB",
        ),
        Expected("like proxy.example.com:3128"),
    ] = ""
    alarms_quiet: Annotated[
        str,
        Field(
            description="hours in which only critical alarms are sent, such as"
            " `22:00-06:00 Europe/Berlin`"
        ),
    ] = ""
    alarms_off: Annotated[
        tuple[Kind, ...], Field(description="kinds of alarms that are never raised")
    ] = ()
    alarms_burst: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="number of new bans within an hour that raises the alarm burst; 0: never",
        ),
    ] = 100
    alarms_poll_silence: Annotated[
        Duration,
        Field(
            description="shortest time without a poll before a FortiGate counts as silent; four of its usual"
            " intervals must have passed as well"
        ),
    ] = 600
    alarms_post_silence: Annotated[
        Duration,
        Field(
            description="shortest time without an event before a FortiGate counts as silent; three times its"
            " longest silence must have passed as well"
        ),
    ] = 86400
    heartbeat_url: Annotated[
        SecretUrl | None,
        Field(description="URL to fetch while the site is healthy, for a dead man's switch"),
    ] = None
    heartbeat_interval: Annotated[Duration, Field(description="time between two heartbeats")] = 300

    @field_validator("alarms_mail_to")
    @classmethod
    def _check_recipients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_check_address, value))

    @field_validator("alarms_mail_from")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        return value and _check_address(value)

    @field_validator("alarms_webhooks")
    @classmethod
    def _check_names(cls, value: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
        names = ["mail", "syslog"]
        for number, each in enumerate(value):
            if each.name in names:
                raise Unquoted(
                    f"entry {number} must have a name of its own, and not mail or syslog"
                )
            names.append(each.name)
        return value

    @field_validator("alarms_quiet")
    @classmethod
    def _check_quiet(cls, value: str) -> str:
        if value:
            read_quiet(value)
        return value

    @model_validator(mode="after")
    def _check_mail(self) -> Settings:
        if self.alarms_mail_to and not self.alarms_mail_from:
            raise ValueError("alarms_mail_from must be set, because alarms_mail_to is")
        if bool(self.alarms_mail_user) != bool(self.alarms_mail_password):
            raise ValueError("alarms_mail_user and alarms_mail_password must be set together")
        is_local = is_loopback(self.alarms_mail_server)
        if self.alarms_mail_security == "off" and not is_local:
            raise ValueError("alarms_mail_security may be off for localhost only")
        return self


def _check_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("it must be a mail address such as noc@example.com")
    return text


def read_quiet(text: str) -> dict[str, object]:
    """Return quiet hours: minutes of the day, and a time zone.

    Raises:
        ValueError: the text is not like ``22:00-06:00 Europe/Berlin``.
    """
    found = _QUIET.fullmatch(text)
    if not found:
        raise ValueError("it must be like 22:00-06:00 Europe/Berlin")
    begins, ends = (60 * int(found[n]) + int(found[n + 1]) for n in (1, 3))
    try:
        zoneinfo.ZoneInfo(found[5])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{found[5]} must be a time zone such as Europe/Berlin or UTC") from None
    if begins == ends:
        raise ValueError("quiet hours must end at another time than they begin")
    return {"begins": begins, "ends": ends, "zone": found[5]}
