"""Show the outcome of a replay, as a JSON document and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from banstitch_shared.jails import ASN

from provision.errors import spell_count
from provision.replay.counting import FOREVER, Ban
from provision.replay.replay import Replay, ShieldTime
from provision.results import format_timestamp

# Bans that the text lists; --json has all.
MOST_LISTED = 50


class BanRow(TypedDict):
    """One ban. ``until`` is -1 for ever; ``events``: the failures that led to it."""

    at: float
    until: float
    network: str
    detection: str
    rule: str
    events: int
    site: str


class DoubtRow(BanRow):
    """A ban that looks wrong, since somebody logged in; ``login``: when, in epoch seconds."""

    login: float
    user: str


class ShieldRow(TypedDict):
    """A time of the shield, with what it denied, or would have denied unless it is `auto`."""

    since: float
    until: float
    kept_out: int
    denied: int
    site: str


class ReplayDocument(TypedDict):
    """The document of ``replay --json``."""

    bans: list[BanRow]
    kept_out: int
    let_through: int
    doubtful: list[DoubtRow]
    shield: list[ShieldRow]
    events: int
    others: int
    unreadable: dict[str, int]
    errors: dict[str, str]
    left_out: list[str]


def build_document(
    replays: Sequence[Replay],
    errors: Mapping[str, str] | None = None,
    left_out: Sequence[str] = (),
) -> ReplayDocument:
    """Return the outcome of all sites as data, with the bans in the order of their times.

    ``errors``: why there is no evidence of a site. ``left_out``: sites with more than could be read.
    """
    bans = [row for replay in replays for ban in replay.bans for row in _build_rows(replay, ban)]
    doubtful = [
        DoubtRow(**_build_row(replay, doubt.ban), login=doubt.login, user=doubt.user)
        for replay in replays
        for doubt in replay.doubts
    ]
    unreadable: dict[str, int] = {}
    for replay in replays:
        for reason, count in replay.unreadable.items():
            unreadable[reason] = unreadable.get(reason, 0) + count
    return ReplayDocument(
        bans=sorted(bans, key=lambda row: row["at"]),
        kept_out=sum(replay.kept_out for replay in replays),
        let_through=sum(replay.let_through for replay in replays),
        doubtful=doubtful,
        shield=[_build_shield_row(replay, time) for replay in replays for time in replay.shield],
        events=sum(replay.events for replay in replays),
        others=sum(replay.others for replay in replays),
        unreadable=unreadable,
        errors=dict(errors or {}),
        left_out=list(left_out),
    )


def _build_rows(replay: Replay, ban: Ban) -> Iterator[BanRow]:
    """Yield a ban; that of an autonomous system once for each time in which it counts."""
    row = _build_row(replay, ban)
    if ban.jail.rule != ASN or ban.until == FOREVER:
        yield row
        return
    for at, until in replay.quiet.split(ban.at, ban.until):
        yield BanRow(**{**row, "at": at, "until": until})


def _build_row(replay: Replay, ban: Ban) -> BanRow:
    jail = ban.jail
    return BanRow(
        at=ban.at,
        until=ban.until,
        network=ban.key,
        detection=jail.detection,
        rule=jail.rule,
        events=ban.events,
        site=replay.site,
    )


def _build_shield_row(replay: Replay, time: ShieldTime) -> ShieldRow:
    return ShieldRow(
        since=time.since,
        until=time.until,
        kept_out=time.kept_out,
        denied=time.denied,
        site=replay.site,
    )


def list_lines(document: ReplayDocument) -> Iterator[str]:
    """Yield the lines of the text for operators."""
    for row in document["bans"][:MOST_LISTED]:
        until = "for ever" if row["until"] == FOREVER else f"until {format_timestamp(row['until'])}"
        yield (
            f"{format_timestamp(row['at'])}  {row['network']} banned {until}"
            f"  ({row['detection']}, {row['rule']}, {spell_count(row['events'], 'event')})"
        )
    if len(document["bans"]) > MOST_LISTED:
        yield f"... and {len(document['bans']) - MOST_LISTED} more: --json lists all"
    for doubt in document["doubtful"]:
        yield (
            f"doubtful: {doubt['network']} ({doubt['detection']}, {doubt['rule']}):"
            f" {doubt['user'] or 'somebody'} logged in at {format_timestamp(doubt['login'])}"
        )
    for period in document["shield"]:
        yield (
            f"shield: {format_timestamp(period['since'])} until {format_timestamp(period['until'])}:"
            f" {spell_count(period['kept_out'], 'guess')} and {spell_count(period['denied'], 'login')}"
            " that no ban denied"
        )
    for site, error in document["errors"].items():
        yield from (f"{site}: {part}" for part in error.splitlines())
    for site in document["left_out"]:
        yield f"{site}: older events are left out, because they do not fit into one answer"
    for reason, count in document["unreadable"].items():
        yield f"unreadable: {spell_count(count, 'line')}: {reason}"
    kept, through = document["kept_out"], document["let_through"]
    share = f" ({100 * kept / (kept + through):.1f} %)" if kept + through else ""
    yield (
        f"{spell_count(len(document['bans']), 'ban')}, {len(document['doubtful'])} doubtful;"
        f" {spell_count(kept, 'guess')} of {kept + through} kept out{share}"
    )
