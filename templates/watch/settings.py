"""Types of the settings file, which the inventory renders (watch.json).

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict, Union


class WaySettings(TypedDict):
    """The way out for https: a file of further CAs, and a proxy as HOST:PORT; empty for none."""

    ca: str
    proxy: str


class MailSettings(TypedDict):
    """A mailbox. ``minimum``: the least severity of its alarms."""

    name: str
    kind: Literal["mail"]
    minimum: str
    to: Sequence[str]
    sender: str
    host: str
    port: int
    # starttls, tls or off
    security: str
    # empty for no login
    user: str


class WebhookSettings(TypedDict):
    """A webhook; its URL is a secret. ``template``: a key of TEMPLATES in channels/webhook.py."""

    name: str
    kind: Literal["webhook"]
    minimum: str
    template: str


class SyslogSettings(TypedDict):
    """A syslog server. ``transport``: udp, tcp or tls."""

    name: str
    kind: Literal["syslog"]
    minimum: str
    transport: str
    host: str
    port: int


ChannelSettings = Union[MailSettings, WebhookSettings, SyslogSettings]


class QuietSettings(TypedDict):
    """Hours in which only critical messages are sent: minutes of the day, in a time zone."""

    begins: int
    ends: int
    zone: str


class PathSettings(TypedDict):
    """Places of the facts: the receiver's file, the folder of the rules, and root's note of drift."""

    facts: str
    rules: str
    drift: str


class ReceiverSettings(TypedDict):
    """The address of the receiver, and whether it has a certificate."""

    host: str
    port: int
    tls: bool


class OptionalAlarmSettings(TypedDict, total=False):
    """Values that only some sites have."""

    # group and name of each site that shares its bans
    peers: Sequence[Sequence[str]]
    # whether bans are reported to AbuseIPDB
    abuseipdb: bool


class AlarmSettings(WaySettings, OptionalAlarmSettings):
    """The settings of the alarms. Times in seconds."""

    site: str
    paths: PathSettings
    receiver: ReceiverSettings
    # for each FortiGate, the time between two polls
    refresh: dict[str, float]
    poll_silence: float
    post_silence: float
    # new bans of an hour that make an alarm; 0 for none
    burst: int
    # kinds of alarms that are not raised
    off: Sequence[str]
    quiet: QuietSettings | None
    heartbeat_interval: float
    channels: Sequence[ChannelSettings]


class ReportSettings(WaySettings):
    """The settings of the reports to AbuseIPDB."""

    # the folder of the ban files, and the jails whose bans are reported, with their categories
    spool: str
    jails: dict[str, list[int]]
    # addresses and networks that are never reported, and the files of more: of people who logged in, and of
    # names and URLs of the ignore list (empty for none)
    never: Sequence[str]
    trusted: str
    looked_up: str
    # reports of a day
    limit: int
