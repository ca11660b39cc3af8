"""The same events for fail2ban on a real host and for `replay`: every ban is the same, at the same time."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from banstitch_shared.eventlog import read_line
from banstitch_shared.jails import name_jail

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.replayed_events import (
    SCHEDULE,
    SETTINGS,
    list_past,
    succeed,
    write_admin_failure,
)
from tests.e2e.site_helpers import FAIL2BAN, history
from tests.e2e.webhook_site import Webhook
from tests.lab.roots import build_ready_root
from tests.lab.stopwatch import within

pytestmark = pytest.mark.lab

LOGS = "/var/log/banstitch"
# Seconds: whole ones in the ban file, and an end that is this little later changes nothing.
DELAY = 3
# so that no event counts as kept out: the simulator of the FortiGate sends all of them
ALL_COUNT = ("--poll", "86400")

Bans = dict[tuple[str, str], tuple[float, float]]


class Live:
    """A deployed site, the log lines that it was sent, and both outcomes."""

    def __init__(self, site: LabSite, folder: Path) -> None:
        self._site, self._file = site, folder / "fortigate.log"
        self._webhook = Webhook(site)
        self._lines: list[str] = []

    def record(self) -> None:
        """Write the events of the last hour as the receiver does: the evidence first."""
        past = list_past(time.time())
        for name, lines in (
            ("evidence.log", [told.recorded for told in past]),
            ("events.log", [told.recorded.partition(" {")[0] + "\n" for told in past]),
        ):
            append = ["tee", "-a", f"{LOGS}/{name}"]
            self._site.host.console(append, stdin="".join(lines), check=True)
        self._lines += [told.line for told in past]

    def post(self, line: str) -> None:
        """Post a log line as the FortiGate does."""
        status, answer = self._webhook.post(line)
        assert (status, "taken" in answer) == (200, True), answer
        self._lines.append(line)

    def keep_to_schedule(self) -> None:
        """Post the failures of administrators at their times."""
        began = time.monotonic()
        for due, address in SCHEDULE:
            time.sleep(max(0.0, began + due - time.monotonic()))
            self.post(write_admin_failure(address))

    def list_bans(self) -> Bans:
        """Return beginning and end of each live ban, by jail and address."""
        found = self._site.run("bans", "--json").target("bh1")["bans"]
        return {(ban["jail"], ban["address"]): (ban["since"], ban["until"]) for ban in found}

    def list_order(self) -> dict[str, list[str]]:
        """Return the addresses that each jail banned, in this order."""
        order: dict[str, list[str]] = {}
        for entry in history(self._site):
            if entry["what"] == "ban":
                order.setdefault(entry["jail"], []).append(entry["address"])
        return order

    def replay_file(self) -> dict[str, Any]:
        """Return the document of a replay of the log lines, at the times that the receiver noted."""
        entries = map(read_line, self._site.host.read(f"{LOGS}/events.log").splitlines())
        rows = zip((entry.at for entry in entries), self._lines, strict=True)
        lines = [json.dumps({"at": at, "fortigate": "fgt1", "line": line}) for at, line in rows]
        self._file.write_text("\n".join(lines))
        return self._replay(str(self._file))

    def replay_evidence(self) -> dict[str, Any]:
        """Return the document of a replay of what the ban host recorded."""
        return self._replay("--evidence")

    def _replay(self, what: str) -> dict[str, Any]:
        done = self._site.run("replay", what, *ALL_COUNT, "--json")
        assert done.code == 0, done.out + done.err
        return done.document


def list_replayed(rows: Sequence[dict[str, Any]], now: float) -> Bans:
    """Return beginning and end of each ban of a replay that is in force, by jail and address."""
    return {
        (name_jail(row["detection"], row["rule"]), row["network"]): (row["at"], row["until"])
        for row in rows
        if row["until"] > now
    }


def list_replayed_order(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the addresses that each jail would have banned, in this order."""
    order: dict[str, list[str]] = {}
    for row in rows:
        order.setdefault(name_jail(row["detection"], row["rule"]), []).append(row["network"])
    return order


def list_differences(
    banned: Bans, expected: Bans
) -> dict[tuple[str, str], tuple[tuple[float, float], tuple[float, float]]]:
    """Return the bans with another beginning or end."""
    return {
        key: (banned[key], times)
        for key, times in expected.items()
        if banned[key] != pytest.approx(times, abs=DELAY)
    }


@pytest.mark.parametrize("suite", FAIL2BAN)
def test_a_replay_bans_whom_fail2ban_bans(suite: str, tmp_path: Path) -> None:
    root, folder = build_ready_root(suite), tmp_path / "inventory"
    settings = f"receiver_tls: off\n{SETTINGS}"
    units = [fortigate_options()]
    with LabSite(folder, root, units, settings=settings, group_settings="") as site:
        applied = site.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        live = Live(site, tmp_path)

        live.record()
        live.keep_to_schedule()
        found = live.replay_file()
        assert live.replay_evidence()["bans"] == found["bans"]
        expected = list_replayed(found["bans"], time.time())
        assert {jail.rpartition("-")[2] for jail, _ in expected} >= {
            "trusted", "slow", "unknown_user", "trap", "spray", "lockout", "network",
            "sslvpn_login_failed", "admin_login_failed",
        }  # fmt: skip
        within(30, lambda: live.list_bans().keys() == expected.keys())
        banned = live.list_bans()
        assert banned.keys() == expected.keys()
        assert list_differences(banned, expected) == {}
        assert live.list_order() == list_replayed_order(found["bans"])

        # one login ends a ban; one after several failures does not
        for address, user in (("45.11.1.1", "bob"), ("45.12.1.1", "kjones")):
            live.post(succeed(0, address, user).line)
        found = live.replay_file()
        assert live.replay_evidence() == {**found, "left_out": []}
        assert {doubt["network"] for doubt in found["doubtful"]} == {"45.11.1.1", "45.12.1.1"}
        expected = list_replayed(found["bans"], time.time())
        assert (name_jail("sslvpn_login_failed", "trap"), "45.11.1.1") not in expected
        assert within(30, lambda: live.list_bans().keys() == expected.keys())
