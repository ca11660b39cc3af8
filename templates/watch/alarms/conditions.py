"""Judge the facts: what is wrong at the site now. Pure functions, without a clock.

Managed by Banstitch: changes made here are overwritten. Python 3.9 or later, standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from banstitch_shared.alarm_notes import CRITICAL, INFO, WARNING
from banstitch_shared.facts_file import FortiGateFacts, ReceiverFacts
from banstitch_shared.number_names import REFUSED_ADDRESS, REFUSED_TOKEN
from banstitch_shared.shield_file import UP

from watch.alarms import rhythms
from watch.alarms.facts import STALE, Facts
from watch.alarms.rhythms import Rhythm
from watch.alarms.texts import format_span, format_time, spell_typed

DAY = 86400.0
# Days before the end of a certificate at which there is an alarm, and its severity.
CERTIFICATE = ((3, CRITICAL), (14, WARNING), (30, WARNING))
# The free part of a disk below which there is an alarm.
LITTLE_ROOM, NO_ROOM = 0.10, 0.03
# Seconds by which two clocks may differ, and by which ours may be set at once.
CLOCK_OFF = 300.0
# Seconds for which an error must last: fail2ban may be restarting.
BRIEF = 20.0
# Seconds for which something that was counted makes an alarm.
RECENT = 600.0
# Kinds of alarms that only facts of the receiver can begin or end.
OF_RECEIVER = (
    "error",
    "polls",
    "posts",
    "unreadable",
    "rate",
    "refused",
    "full",
    "disk",
    "clock",
    "burst",
    "ban_limit",
)


class Condition(NamedTuple):
    """Something that is wrong. ``key``: KIND:SUBJECT, or KIND where there can be only one.

    One that becomes worse, with a higher ``grade``, is reported again. One that happened ``once`` has no end.
    """

    key: str
    severity: str
    text: str
    grade: int = 0
    once: bool = False


class Limits(NamedTuple):
    """The limits of a site. ``refresh``: seconds between two polls of each FortiGate, by the inventory."""

    refresh: Mapping[str, float]
    poll_silence: float
    post_silence: float
    burst: int


class Memory(NamedTuple):
    """The memory of earlier looks: rhythms, and counts with the time of their last rise.

    ``jumped``: the last time when the clock was set, and by how much. ``started``: when the receiver began.
    ``errors``: since when each of its errors lasts.
    """

    polls: Mapping[str, Rhythm] = {}
    posts: Mapping[str, Rhythm] = {}
    counts: Mapping[str, tuple[float, float]] = {}
    jumped: tuple[float, float] = (0.0, 0.0)
    started: Rhythm = Rhythm()
    errors: Mapping[str, float] = {}


def remember(memory: Memory, facts: Facts, limits: Limits) -> Memory:
    """Return the memory after a look."""
    memory, receiver = _move(memory, facts), facts.receiver
    if receiver is None:
        return memory

    def note(known: Mapping[str, Rhythm], name: str, last: float) -> Rhythm:
        return rhythms.note(known.get(name, Rhythm()), last, _find_moved(last, memory, facts.now))

    known = {name: receiver.fortigates.get(name, FortiGateFacts()) for name in limits.refresh}
    counts = {"rate:" + name: each.limited for name, each in known.items()}
    counts.update({"refused:" + why: number for why, number in receiver.refused.items()})
    return memory._replace(
        polls={n: note(memory.polls, n, each.last_poll) for n, each in known.items()},
        posts={n: note(memory.posts, n, each.last_event) for n, each in known.items()},
        counts={key: _note_count(memory, key, n, facts.now) for key, n in counts.items()},
        started=rhythms.note(memory.started, receiver.started),
        errors={subject: memory.errors.get(subject, facts.now) for subject in receiver.errors},
    )


def _move(memory: Memory, facts: Facts) -> Memory:
    """Return the memory with its times by the clock as it is now."""
    by = facts.jumped
    return memory._replace(
        polls={name: rhythms.move(each, by) for name, each in memory.polls.items()},
        posts={name: rhythms.move(each, by) for name, each in memory.posts.items()},
        jumped=(facts.now, by) if abs(by) > CLOCK_OFF else memory.jumped,
        started=rhythms.move(memory.started, by),
    )


def _find_moved(last: float, memory: Memory, now: float) -> float:
    """Return by how much the clock was set after a time that is news; it was shortly before ``now``."""
    at, seconds = memory.jumped
    is_before = abs(now - last - seconds) < abs(now - last)
    return seconds if is_before and 0 <= now - at < STALE else 0.0


def _note_count(memory: Memory, key: str, number: float, now: float) -> tuple[float, float]:
    """Return a count and when it last rose; the first look at it, and a new start from 0, is no rise."""
    known, rose_at = memory.counts.get(key, (number, 0.0))
    return number, now if number > known else rose_at


def list_conditions(facts: Facts, memory: Memory, limits: Limits) -> Iterator[Condition]:
    """Yield what is wrong now."""
    if facts.receiver is None:
        if facts.steady > STALE:
            text = "the receiver does not run: no event is taken, and FortiGates get no feed"
            yield Condition("receiver", CRITICAL, text)
    else:
        yield from _judge_errors(facts, facts.receiver.errors, memory)
        yield from _judge_receiver(facts.receiver, limits)
        for name in limits.refresh:
            yield from _judge_fortigate(name, facts, facts.receiver, memory, limits)
        yield from _judge_refused(facts.now, memory)
    if facts.rules_age > STALE and facts.steady > STALE:
        yield Condition("rules", CRITICAL, "banstitch-rules does not run, so nobody new is banned")
    yield from _judge_certificate(facts)
    yield from _judge_rules(facts)
    yield from _judge_jump(facts.now, memory)
    yield from _judge_others(facts)


def list_unknown(facts: Facts) -> tuple[str, ...]:
    """Return the kinds of alarms about which nothing is known now, so they neither begin nor end."""
    unseen = ["certificate"] if facts.certificate_ends is None else []
    is_early = facts.steady <= STALE
    if facts.receiver is None:
        unseen += [*OF_RECEIVER, "receiver"] if is_early else OF_RECEIVER
    elif is_early:
        unseen.append("error")
    if facts.rules_age > STALE and is_early:
        unseen.append("rules")
    return tuple(unseen)


def _judge_errors(facts: Facts, errors: Mapping[str, str], memory: Memory) -> Iterator[Condition]:
    for subject, error in errors.items():
        is_brief = 0 <= facts.now - memory.errors.get(subject, facts.now) < BRIEF
        if facts.steady > STALE and not is_brief:
            yield Condition("error:" + subject, CRITICAL, error)


def _judge_receiver(receiver: ReceiverFacts, limits: Limits) -> Iterator[Condition]:
    if receiver.left_out:
        text = "the feed is full: %d bans have no room in it (receiver_feed_limit)"
        yield Condition("full", CRITICAL, text % receiver.left_out)
    for folder, free in receiver.room.items():
        if free < LITTLE_ROOM:
            severity, grade = (CRITICAL, 1) if free < NO_ROOM else (WARNING, 0)
            text = "the disk of %s is filling: %.0f %% is free" % (folder, 100 * free)
            yield Condition("disk:" + folder, severity, text, grade)
    if limits.burst and receiver.banned >= limits.burst:
        text = "a burst of bans: %d new ones within the last hour" % receiver.banned
        yield Condition("burst", WARNING, text)
    for name, number in receiver.bans_refused.items():
        whose = "no known FortiGate" if name == "-" else name
        text = "%d new bans by events of %s were refused within the last hour (receiver_ban_limit)"
        yield Condition("ban_limit:" + name, CRITICAL, text % (number, whose))


def _judge_fortigate(
    name: str, facts: Facts, receiver: ReceiverFacts, memory: Memory, limits: Limits
) -> Iterator[Condition]:
    known = receiver.fortigates.get(name, FortiGateFacts())
    polls, posts = memory.polls.get(name, Rhythm()), memory.posts.get(name, Rhythm())
    silent = facts.now - max(polls.at, memory.started.at)
    if silent > rhythms.find_poll_limit(polls, limits.refresh[name], limits.poll_silence):
        since = "for " + format_span(facts.now - polls.at) if known.last_poll else "yet"
        text = "%s has not fetched the feed %s: it does not get new bans" % (name, since)
        yield Condition("polls:" + name, CRITICAL, text)
    silent = facts.now - posts.at
    if known.last_event and silent > rhythms.find_post_limit(posts, limits.post_silence):
        text = "%s has posted no event for %s, which is longer than usual"
        yield Condition("posts:" + name, WARNING, text % (name, format_span(silent)))
    if known.unreadable:
        text = "%d posts of %s within the last day could not be read: see rejected.log"
        yield Condition("unreadable:" + name, WARNING, text % (known.unreadable, name))
    if facts.now - memory.counts.get("rate:" + name, (0, 0))[1] < RECENT:
        text = "posts of %s are refused, because they are over receiver_rate" % name
        yield Condition("rate:" + name, WARNING, text)
    if abs(known.ahead) > CLOCK_OFF:
        text = "the clock of this host differs by %s from that of %s: check time synchronisation"
        yield Condition("clock:" + name, WARNING, text % (format_span(abs(known.ahead)), name))


def _judge_refused(now: float, memory: Memory) -> Iterator[Condition]:
    for why, severity, text in (
        (REFUSED_TOKEN, WARNING, "posts are refused, because their token is wrong"),
        (REFUSED_ADDRESS, INFO, "posts from an address that may not post are refused"),
    ):
        if now - memory.counts.get("refused:" + why, (0, 0))[1] < RECENT:
            yield Condition("refused:" + why, severity, text)


def _judge_certificate(facts: Facts) -> Iterator[Condition]:
    if facts.certificate_ends is None:
        return
    left = (facts.certificate_ends - facts.now) / DAY
    for grade, (days, severity) in enumerate(CERTIFICATE):
        if left < days:
            days_left = "%d day%s" % (left, "" if 1 <= left < 2 else "s")
            when = "has expired" if left <= 0 else "expires in " + days_left
            text = "the receiver's certificate %s: run apply, or provide a new one" % when
            yield Condition("certificate", severity, text, len(CERTIFICATE) - grade)
            return


def _judge_rules(facts: Facts) -> Iterator[Condition]:
    """Yield logins after failures, users under attack, and the shield."""
    for alarm in facts.known.alarms:
        user = spell_typed(alarm.user) or "somebody"
        text = (
            "%s logged in from %s at %s after %d failures: if that was not the user, change the password"
            " and end the session"
        )
        text %= (user, spell_typed(alarm.address), format_time(alarm.at), alarm.failures)
        key = "login:%d:%s" % (alarm.at, spell_typed(alarm.address))
        yield Condition(key, CRITICAL, text, once=True)
    for each in facts.known.attacked:
        user = spell_typed(each.user)
        text = "user %s is under attack from %d addresses" % (user, each.sources)
        yield Condition("attacked:" + user, WARNING, text)
    shield = facts.shield
    if shield is not None:
        up = "the shield is up until %s: unknown networks are denied" % format_time(shield.until)
        would = "with `shield: auto` the shield would be up now: many unknown addresses fail"
        yield Condition("shield", WARNING, up if shield.mode == UP else would, shield.mode == UP)


def _judge_jump(now: float, memory: Memory) -> Iterator[Condition]:
    at, seconds = memory.jumped
    if at and 0 <= now - at < RECENT:
        text = "the clock of this host was set forward or back by %s" % format_span(abs(seconds))
        yield Condition("jump", WARNING, text)


def _judge_others(facts: Facts) -> Iterator[Condition]:
    if facts.drift and facts.drift.changes:
        text = "the site differs from the inventory: apply would make %d changes (plan of %s)"
        text %= (facts.drift.changes, format_time(facts.drift.at))
        yield Condition("drift", WARNING, text)
    for channel, error in facts.failing.items():
        text = "alarms cannot be sent by %s: %s" % (channel, error)
        yield Condition("channel:" + channel, WARNING, text)
    for group, site in facts.silent:
        yield Condition(
            "peer:%s/%s" % (group, site),
            WARNING,
            "site %s (group %s) does not share its bans, so they do not count" % (site, group),
        )
    if facts.unreported:
        text = "bans are not reported to AbuseIPDB: " + facts.unreported
        yield Condition("abuseipdb", WARNING, text)
    if facts.heartbeat:
        yield Condition("heartbeat", WARNING, "the heartbeat cannot be sent: " + facts.heartbeat)
