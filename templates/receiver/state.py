"""The parts of the receiver that answers are made from, and its health.

Managed by Banstitch: changes made here are overwritten.
"""

from __future__ import annotations

import time
from typing import Callable

from banstitch_shared.addresses import is_network
from banstitch_shared.number_names import STARTED
from banstitch_shared.shield_file import describe_shield

from receiver import unreadable
from receiver.access import Peers, Refusals, Tokens
from receiver.counts import Counts
from receiver.feed import Feed
from receiver.files import Unavailable, check_writable
from receiver.imports import Imports
from receiver.names import Names
from receiver.numbers import list_names
from receiver.quiet_hours import QuietHours
from receiver.rules import Rules
from receiver.settings import Config
from receiver.shield import Shield
from receiver.spool import Bans


class State:
    """The state of one worker process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.tokens = Tokens(config["digests"], config["fortigates"])
        hosts = [name for name in config["allow"] or () if not is_network(name)]
        # the worker resolves them; see worker.py
        self.names = Names([*hosts, *config["hosts"]])
        self.peers = Peers(config["allow"], config["own"], self.names, config["readers"])
        self.bans = Bans(config["spool"], config["jails"])
        never = [*config["own"], *(net for each in config["detections"] for net in each["ignore"])]
        self.shield = Shield(config, dict.fromkeys(never), self.names)
        quiet_hours = QuietHours(config["rules_memory"])
        limit, lists = config["feed_limit"], config["feed_lists"]
        self.imports = Imports(config, config["share"], self.names) if "share" in config else None
        self.feed = Feed(self.bans, self.shield, quiet_hours, limit, lists, self.imports)
        self.rules = Rules(config["rules_memory"])
        self.counts = Counts(config["counts"], list_names(config))
        self.refusals = Refusals(self.counts)
        if not self.counts[STARTED]:
            self.counts[STARTED] = time.time()

    def list_errors(self) -> list[str]:
        """Return why the receiver cannot do all of its work now; empty if it can."""
        return list(self.find_errors().values())

    def find_errors(self) -> dict[str, str]:
        """Return the same by subject."""
        checks: dict[str, Callable[[], object]] = {
            "tokens": self.tokens.read,
            "feed": lambda: self.feed.serve(time.time()),
            "bans": self.bans.check_room,
            "fail2ban": lambda: self.bans.check_maintained(time.time()),
            "events": lambda: check_writable(self.config["events_log"], "the event log"),
        }
        errors = {}
        for subject, check in checks.items():
            try:
                check()
            except Unavailable as error:
                errors[subject] = str(error)
        return errors

    def list_all_errors(self) -> list[str]:
        """Return all errors, with those of other programs of this host; empty if events lead to bans."""
        error = self.rules.describe_error(time.time())
        return [*self.list_errors(), *([error] if error else [])]

    def list_losses(self) -> list[str]:
        """Return what is lost although the receiver works: posts, new bans, room in the feed."""
        losses = [
            "%s: %d posts of the last 24 hours could not be read: see rejected.log" % (name, number)
            for name, number in self.count_unreadable(time.time()).items()
            if number
        ]
        losses += [
            "%d new bans by events of %s were refused within the last hour (receiver_ban_limit)"
            % (number, "no known FortiGate" if name == "-" else name)
            for name, number in self.bans.count_refused(time.time()).items()
        ]
        now = time.time()
        others = (
            self.rules.describe_lag(now),
            self.feed.describe_full(),
            self.shield.describe_loss(now),
        )
        return [*losses, *filter(None, others)]

    def count_unreadable(self, now: float) -> dict[str, int]:
        """Return {FortiGate: number of its posts of the last 24 hours that could not be read}."""
        names = self.config["fortigates"]
        return {name: unreadable.count_last_day(self.counts, name, now) for name in names}

    def list_warnings(self) -> list[str]:
        """Return what the operator should know although everything works."""
        shield = self.shield.find(time.time())
        return [*([describe_shield(shield)] if shield else []), *filter(None, [self.counts.alone])]
