"""The part of the service that watches the site, raises alarms, and sends a heartbeat.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import smtplib
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from banstitch_shared.alarm_notes import TESTED, format_tested
from banstitch_shared.service import replace_file

from watch.abuseipdb.memory import read_failure
from watch.alarms.book import Book
from watch.alarms.certificate import read_end
from watch.alarms.conditions import Limits
from watch.alarms.digest import Digest, compose, compose_test
from watch.alarms.facts import STALE, Clock, Facts, collect_facts, list_silent
from watch.alarms.outbox import Quiet
from watch.alarms.texts import clean
from watch.channels.mail import Mail, PartlyRefused, send_mail
from watch.channels.syslog import Syslog, send_syslog
from watch.channels.webhook import Webhook, send_webhook
from watch.jobs import Job, Part
from watch.outgoing import Outgoing, Refused, Way, describe, send
from watch.settings import AlarmSettings, ChannelSettings

SECRETS = "/etc/banstitch/watch.secret"
# Seconds between two looks at the site, at the certificate, and at what waits for a channel.
LOOK, LOOK_AT_CERTIFICATE, LOOK_AT_OUTBOX = 5.0, 600.0, 2.0
# Seconds after which a heartbeat that failed is sent again.
RETRY = 30.0
# Characters of a path, and of a part of a URL, that may be a secret.
SHORTEST, SHORTEST_PART = 6, 8

log = logging.getLogger("banstitch-watch")

# Sends a digest, and returns what came back.
Send = Callable[[Digest], str]
FAILURES = (OSError, ValueError, Refused, http.client.HTTPException, smtplib.SMTPException)


def build_part(settings: AlarmSettings, memory: str) -> Part:
    """Return the part; its files are kept in the folder ``memory``."""
    with open(SECRETS, encoding="utf-8") as stream:
        secrets = json.load(stream)
    alarms = Alarms(settings, secrets, memory)
    jobs = [Job("look for alarms", alarms.look, LOOK)]
    if settings["receiver"]["tls"]:
        jobs.append(Job("look at the certificate", alarms.look_at_certificate, LOOK_AT_CERTIFICATE))
    jobs += [
        Job("send by " + name, partial(alarms.send, name), LOOK_AT_OUTBOX)
        for name in alarms.channels
    ]
    if secrets.get("heartbeat url"):
        jobs.append(Job("heartbeat", alarms.send_heartbeat, LOOK))
    return Part(jobs, alarms.write, alarms.test)


def build_channel(settings: ChannelSettings, secrets: Mapping[str, str], way: Way) -> Send:
    """Return the function that sends a digest by a channel."""
    name = settings["name"]
    if settings["kind"] == "mail":
        mail = Mail(
            settings["to"],
            settings["sender"],
            settings["host"],
            settings["port"],
            settings["security"],
            settings["user"],
            secrets.get(name, ""),
            way.ca,
        )
        return partial(send_mail, mail=mail)
    if settings["kind"] == "syslog":
        syslog = Syslog(settings["transport"], settings["host"], settings["port"], way.ca)
        return partial(send_syslog, syslog=syslog)
    token = secrets.get(name + " token", "")
    return partial(send_webhook, webhook=Webhook(settings["template"], secrets[name], token, way))


class Alarms:
    """The watch over one site."""

    def __init__(self, settings: AlarmSettings, secrets: Mapping[str, str], folder: str) -> None:
        self._settings, self._folder = settings, folder
        self._hidden = list_hidden(secrets)
        self._site = settings["site"]
        self._way = Way(settings["ca"], settings["proxy"])
        self.channels: dict[str, Send] = {
            each["name"]: build_channel(each, secrets, self._way) for each in settings["channels"]
        }
        limits = Limits(
            settings["refresh"],
            settings["poll_silence"],
            settings["post_silence"],
            settings["burst"],
        )
        minimums = {each["name"]: each["minimum"] for each in settings["channels"]}
        quiet = Quiet(**settings["quiet"]) if settings["quiet"] else None
        self._book = Book(folder, limits, minimums, settings["off"], quiet)
        self._heartbeat = Outgoing("GET", secrets.get("heartbeat url", ""), {})
        self._clock = Clock()
        self._peers = [(group, site) for group, site in settings.get("peers", ())]
        self._reports = bool(settings.get("abuseipdb"))
        self._certificate_ends: float | None = None
        self._heartbeat_error = ""
        self._next_heartbeat = 0.0
        # until when the last look counts, by the monotonic clock; 0 if the site was not healthy
        self._healthy_until = 0.0

    def look(self) -> None:
        """Look at the site."""
        facts = collect_facts(self._settings["paths"], self._clock)
        facts = facts._replace(
            certificate_ends=self._certificate_ends,
            failing=self._book.list_failing(),
            heartbeat=self._heartbeat_error,
            silent=list_silent(self._folder, self._peers, facts.steady, facts.now),
            unreported=read_failure(self._folder, facts.now) if self._reports else "",
        )
        self._book.look(facts)
        self._healthy_until = time.monotonic() + STALE if is_healthy(facts) else 0.0

    def look_at_certificate(self) -> None:
        """Look at the receiver's certificate; while there is none, the last one counts."""
        receiver = self._settings["receiver"]
        try:
            self._certificate_ends = read_end(receiver["host"], receiver["port"])
        except (OSError, ValueError) as error:
            log.warning("cannot look at the receiver's certificate: %s", describe(error))

    def send(self, channel: str) -> None:
        """Send what waits for a channel, if it is time. Raises OSError: the book cannot be written."""
        now = time.time()
        batch, dropped = self._book.take(channel, now)
        if not batch:
            return
        missed = ""
        try:
            self.channels[channel](compose(self._site, batch, dropped))
        except PartlyRefused as error:
            missed = self._describe(error)
            log.error("alarms by %s do not reach everybody: %s", channel, missed)
        except FAILURES as error:
            why = self._describe(error)
            log.error("cannot send alarms by %s: %s", channel, why)
            self._book.note_failed(channel, why, now)
            return
        self._book.note_sent(channel, batch, now, missed)

    def send_heartbeat(self) -> None:
        """Fetch the URL of the heartbeat while looks find the site healthy, and not otherwise."""
        now = time.monotonic()
        if now >= self._healthy_until or now < self._next_heartbeat:
            return
        pause = self._settings["heartbeat_interval"]
        try:
            send(self._heartbeat, self._way)
            self._heartbeat_error = ""
        except FAILURES as error:
            self._heartbeat_error = self._describe(error)
            pause = min(pause, RETRY)
        self._next_heartbeat = time.monotonic() + pause

    def _describe(self, error: Exception) -> str:
        return clean(self._hide(describe(error)))

    def _hide(self, text: str) -> str:
        """Return what a server answered without our secrets, which it may repeat."""
        for secret in self._hidden:
            text = text.replace(secret, "********")
        return text

    def write(self) -> None:
        """Write what is new. Raises OSError."""
        self._book.write(time.time())

    def test(self) -> None:
        """Send a test through every channel at once, and write down what came back."""
        threading.Thread(target=self._test, name="test the channels", daemon=True).start()

    def _test(self) -> None:
        began = time.time()
        outcomes: dict[str, str] = {}
        threads = [
            threading.Thread(target=self._test_channel, args=(name, began, outcomes), daemon=True)
            for name in self.channels
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(45)
        missing = dict.fromkeys(self.channels, "failed: no answer in time")
        text = format_tested(began, {**missing, **outcomes})
        try:
            replace_file(os.path.join(self._folder, TESTED), text, 0o640)
        except OSError as error:
            log.error("cannot write the outcome of the test: %s", error)

    def _test_channel(self, name: str, began: float, outcomes: dict[str, str]) -> None:
        try:
            answer = self.channels[name](compose_test(self._site, began))
            outcomes[name] = clean("ok: " + self._hide(answer))
        except FAILURES as error:
            outcomes[name] = "failed: " + self._describe(error)


def list_hidden(secrets: Mapping[str, str]) -> list[str]:
    """Return the secrets, and the parts of URLs that may be secrets alone, the longest first."""
    found = set(filter(None, secrets.values()))
    for url in (urlsplit(each) for each in secrets.values() if "://" in each):
        found |= {each for each in (url.path, url.query) if len(each) >= SHORTEST}
        # such as the topic of ntfy, which its server answers with
        parts = re.split("[/&=]", "%s&%s" % (url.path, url.query))
        found |= {part for part in parts if len(part) >= SHORTEST_PART}
    return sorted(found, key=lambda each: (-len(each), each))


def is_healthy(facts: Facts) -> bool:
    """Return whether the loop works: events are taken, bans are made, and the list is served."""
    receiver = facts.receiver
    return receiver is not None and not receiver.errors and facts.rules_age <= STALE
