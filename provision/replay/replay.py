"""Replay log lines of one site: the receiver's verdict, the rules' step, and fail2ban's counting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from banstitch_shared.addresses import Networks
from banstitch_shared.eventlog import FAILURE, SUCCESS, Entry, encode_reason, encode_user
from banstitch_shared.jails import ASN
from receiver.lines import Malformed, read_event
from receiver.sources import label_networks, parse_address
from receiver.verdicts import Detection, judge, read_detection
from rules import shield
from rules.database import open_database
from rules.networks import list_around
from rules.settings import Settings, read_settings
from rules.state import State
from rules.step import Ban as Line
from rules.step import Pardon, step
from rules.systems import Systems

from provision.errors import InputError, Problem
from provision.replay.counting import FOREVER, Ban, Fail2ban, Jail
from provision.replay.logs import LogLine, NotALogLine, read_log_line
from provision.replay.quiet_hours import QuietHours

# Seconds after the end of a ban in which a login still makes the ban doubtful.
DOUBT = 86400.0


@dataclass(frozen=True)
class SiteRules:
    """The settings with which a site's ban host would run: detections, rules, and jails.

    ``poll``: seconds until a FortiGate has fetched a ban, or its end. ``shield``: the mode of the shield;
    ``spared``: the networks that it never denies.
    """

    detections: tuple[Detection, ...]
    rules: Settings
    jails: tuple[Jail, ...]
    ipv6_prefix: int
    poll: float
    shield: str
    spared: Networks


@dataclass(frozen=True)
class Doubt:
    """A ban that looks wrong, since somebody logged in from there; ``login``: when, in epoch seconds."""

    ban: Ban
    login: float
    user: str


@dataclass
class ShieldTime:
    """A time during which the shield was up, or would have been where it is not ``auto``.

    ``kept_out``: failed logins that it denied, and that no ban did; ``denied``: logins.
    """

    since: float
    until: float
    kept_out: int = 0
    denied: int = 0


@dataclass
class Replay:
    """The outcome for one site.

    ``kept_out`` and ``let_through`` count failed logins; ``unreadable`` counts lines, by the reason.
    """

    site: str
    bans: list[Ban] = field(default_factory=list)
    kept_out: int = 0
    let_through: int = 0
    quiet: QuietHours = field(default_factory=QuietHours)
    doubts: list[Doubt] = field(default_factory=list)
    shield: list[ShieldTime] = field(default_factory=list)
    events: int = 0
    others: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)


def read_site_rules(parts: Mapping[str, Any]) -> SiteRules:
    """Return the rules of a site, from what its roles give for a replay.

    Raises:
        InputError: the database of autonomous systems cannot be read on this machine.
    """
    return SiteRules(
        tuple(map(read_detection, parts["detections"])),
        _open_systems(read_settings(parts["rules"])),
        tuple(
            Jail(**{**jail, "ignored": label_networks(jail["ignored"], "ignored")})
            for jail in parts["jails"]
        ),
        parts["ipv6_prefix"],
        float(parts["poll"]),
        parts["shield"],
        label_networks(parts["spared"], "spared"),
    )


def _open_systems(settings: Settings) -> Settings:
    path = settings.asn_database
    if not path:
        return settings
    try:
        return replace(settings, systems=Systems(open_database(path)))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        what = f"detection_asn_database cannot be read on this machine: {reason}"
        remedy = (
            "copy it here and add -e detection_asn_database=PATH; an empty PATH leaves the rule out"
        )
        raise InputError([Problem(path, 0, what, remedy)]) from None


def replay_lines(site: str, lines: Iterable[str], rules: SiteRules) -> Replay:
    """Replay log lines of a site, in the order of their times."""
    replay = Replay(site)
    entries = list(_read_entries(lines, rules, replay))
    entries.sort(key=lambda entry: entry.at)
    return replay_entries(replay, _take_all(entries), rules)


def _take_all(entries: list[Entry]) -> Iterator[Entry]:
    """Yield the entries in their order, and keep none: a million take a third of the memory."""
    entries.reverse()
    while entries:
        yield entries.pop()


def _read_entries(lines: Iterable[str], rules: SiteRules, replay: Replay) -> Iterable[Entry]:
    for text in lines:
        try:
            line = read_log_line(text)
            entry = judge_line(line, rules)
        except (NotALogLine, Malformed) as error:
            reason = str(error)
            replay.unreadable[reason] = replay.unreadable.get(reason, 0) + 1
            continue
        if entry is None:
            replay.others += 1
        else:
            yield entry


def judge_line(line: LogLine, rules: SiteRules) -> Entry | None:
    """Return the event of a line as the receiver records it; None for a line that does not count.

    Addresses of the documentation ranges count: no real log has them.

    Raises:
        Malformed: the line does not say for certain what happened and to whom.
    """
    verdict = judge(read_event(line.text), rules.detections, (), True, rules.ipv6_prefix)
    if verdict.ignored:
        return None
    user, reason = _write_user(verdict.user), _write_reason(verdict.reason)
    name, kind, address = verdict.detection, verdict.kind, verdict.address
    return Entry(line.at, line.fortigate, name, kind, address, user, reason)


# A log has few names and reasons, and many lines: each of them is kept in memory once.
@lru_cache(maxsize=65536)
def _write_user(user: str) -> str:
    """Return a user name as the event log keeps it: shortened, and empty where there is none."""
    written = encode_user(user)
    return "" if written == "-" else bytes.fromhex(written).decode("utf-8", "replace")


@lru_cache(maxsize=4096)
def _write_reason(reason: str) -> str:
    return encode_reason(reason).strip("-")


def replay_entries(replay: Replay, entries: Iterable[Entry], rules: SiteRules) -> Replay:
    """Take events, in the order of their times, and return the replay with its outcome.

    An event of a source that is denied at that moment is kept out, and no rule counts it: the FortiGate
    would not have written it.
    """
    state, jails = State(), Fail2ban({jail.name: jail for jail in rules.jails})
    denied = _Denied(rules, replay.quiet)
    for entry in entries:
        replay.events += 1
        is_denied = denied.find(entry.address, entry.at) is not None
        if not is_denied and _is_shielded(replay, state, entry, rules):
            is_denied = rules.shield == "auto"
        if entry.kind == SUCCESS:
            _doubt(replay, denied, entry)
        elif entry.kind == FAILURE:
            replay.kept_out += is_denied
            replay.let_through += not is_denied
        if is_denied:
            continue
        outcomes = step(state, entry, rules.rules)
        replay.quiet.note(entry.at, state.quiet_hours)
        for outcome in outcomes:
            if isinstance(outcome, Line) and outcome.jail in jails.jails:
                _count(replay, jails, denied, outcome)
            elif isinstance(outcome, Pardon):
                jails.pardon(outcome.at, outcome.source, rules.rules.systems)
    return replay


def _is_shielded(replay: Replay, state: State, entry: Entry, rules: SiteRules) -> bool:
    """Return whether the shield denies the source of an event, and count it."""
    fetched = entry.at - rules.poll
    if not state.shield_since <= fetched < state.shield_until:
        return False
    if shield.is_home(state, entry.address, entry.at, rules.rules):
        return False
    if _is_spared(rules.spared, entry.address):
        return False
    if not replay.shield or replay.shield[-1].since != state.shield_since:
        replay.shield.append(ShieldTime(state.shield_since, state.shield_until))
    period = replay.shield[-1]
    period.until = state.shield_until
    period.kept_out += entry.kind == FAILURE
    period.denied += entry.kind == SUCCESS
    return True


@lru_cache(maxsize=65536)
def _is_spared(spared: Networks, source: str) -> bool:
    return bool(spared.find_label(parse_address(source.partition("/")[0])))


def _count(replay: Replay, jails: Fail2ban, denied: _Denied, line: Line) -> None:
    ban = jails.count(line.at, line.jail, line.key)
    if ban is not None:
        denied.add(ban)
        replay.bans.append(ban)


def _doubt(replay: Replay, denied: _Denied, login: Entry) -> None:
    """Note each ban of a source from which somebody logs in during the ban or the day after it."""
    for ban in denied.take_doubtful(login.address, login.at):
        replay.doubts.append(Doubt(ban, login.at, login.user))


class _Denied:
    """The bans of all jails by key, as FortiGates deny them."""

    def __init__(self, rules: SiteRules, quiet: QuietHours) -> None:
        self._poll, self._systems = rules.poll, rules.rules.systems
        self._quiet = quiet
        self._bans: dict[str, list[Ban]] = {}
        self._doubted: set[int] = set()

    def add(self, ban: Ban) -> None:
        """Add a ban, and drop those that no event can concern any more."""
        bans, matters = self._bans.get(ban.key, []), ban.at - self._poll - DOUBT
        self._bans[ban.key] = [b for b in bans if b.until == FOREVER or b.until > matters] + [ban]

    def find(self, source: str, at: float) -> Ban | None:
        """Return a ban that keeps ``source`` out at a time: every FortiGate has fetched it by then."""
        fetched = at - self._poll
        for key in (source, *list_around(source, self._systems)):
            for ban in reversed(self._bans.get(key, ())):
                if ban.covers(fetched) and self._counts(ban, fetched):
                    return ban
        return None

    def _counts(self, ban: Ban, at: float) -> bool:
        """Return whether the feed holds a ban at a time at which it is in force."""
        return ban.jail.rule != ASN or self._quiet.are_at(at)

    def take_doubtful(self, source: str, at: float) -> list[Ban]:
        """Return the bans of ``source`` that are in force or ended within a day, each of them once."""
        found = [
            ban
            for key in (source, *list_around(source, self._systems))
            for ban in self._bans.get(key, ())
            if ban.at <= at and (ban.until == FOREVER or at < ban.until + DOUBT)
        ]
        new = [ban for ban in found if id(ban) not in self._doubted]
        self._doubted.update(map(id, new))
        return new
