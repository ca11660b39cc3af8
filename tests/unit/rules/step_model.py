"""The rules at work on events, without a service around them."""

from __future__ import annotations

from banstitch_shared.eventlog import FAILURE, LOCKOUT, SUCCESS, Entry
from rules.outcomes import Alarm, Ban, Outcome, Pardon
from rules.settings import DAY, Detection, Rule, Settings
from rules.state import State
from rules.step import step

NOW = 1_800_000_000.0
MINUTE, WEEK = 60, 7 * DAY
SSLVPN, ADMIN = "sslvpn_login_failed", "admin_login_failed"
UNKNOWN_USER = "sslvpn_login_unknown_user"
RULES = {
    "plain": Rule(5, 10 * MINUTE),
    "trusted": Rule(10, 10 * MINUTE),
    "slow": Rule(4, DAY),
    "unknown_user": Rule(2, WEEK),
    "trap": Rule(1, WEEK),
    "spray": Rule(3, DAY),
    "lockout": Rule(1, DAY),
    "network": Rule(3, WEEK),
}
SETTINGS = Settings(
    {
        SSLVPN: Detection(SSLVPN, RULES),
        ADMIN: Detection(ADMIN, RULES, "administrators", frozenset({"admin"})),
    },
    trap_users=frozenset({"admin", "test"}),
    known_users=frozenset({"newcomer"}),
)


class Site:
    """A site whose first week is over, unless it is asked to be new."""

    def __init__(self, settings: Settings = SETTINGS, is_new: bool = False) -> None:
        self.settings, self.now = settings, NOW
        self.state = State(first_at=NOW if is_new else NOW - WEEK)

    def take(self, entry: Entry) -> list[Outcome]:
        """Take one event."""
        self.now = entry.at
        return step(self.state, entry, self.settings)

    def fail(
        self,
        address: str,
        user: str = "",
        after: float = 1,
        reason: str = "",
        detection: str = SSLVPN,
    ) -> list[str]:
        """Return the bans of a failure, as RULE KEY, without the line that plain always gets."""
        entry = Entry(self.now + after, "fw1", detection, FAILURE, address, user, reason)
        return [ban for ban in list_bans(self.take(entry)) if not ban.startswith("plain ")]

    def fail_often(self, count: int, address: str, user: str = "", after: float = 1) -> list[str]:
        """Return the bans of several failures together."""
        return [ban for _ in range(count) for ban in self.fail(address, user, after)]

    def lock_out(self, address: str) -> list[str]:
        """Return the bans of a lock-out."""
        return list_bans(self.take(Entry(self.now + 1, "fw1", ADMIN, LOCKOUT, address)))

    def log_in(
        self, address: str, user: str, after: float = 1, detection: str = SSLVPN
    ) -> list[Outcome]:
        """Return the outcomes of a login."""
        return self.take(Entry(self.now + after, "fw1", detection, SUCCESS, address, user))


def list_bans(outcomes: list[Outcome]) -> list[str]:
    """Return the bans as RULE KEY."""
    bans = [each for each in outcomes if isinstance(each, Ban)]
    return [f"{name_rule(ban.jail)} {ban.key}" for ban in bans]


def name_rule(jail: str) -> str:
    """Return the rule of a jail."""
    detection, _, rule = jail.removeprefix("banstitch-").partition("-")
    assert detection in (SSLVPN, ADMIN)
    return rule or "plain"


def has_alarm(outcomes: list[Outcome]) -> bool:
    """Return whether a login raised an alarm."""
    return any(isinstance(each, Alarm) for each in outcomes)


def has_pardon(outcomes: list[Outcome]) -> bool:
    """Return whether a login ends bans."""
    return any(isinstance(each, Pardon) for each in outcomes)
