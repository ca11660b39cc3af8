"""Two ban hosts of one inventory: bans by hand at all of them, at one, and while one is down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.labsite import LabSite, Ran, known_as
from tests.lab.debian import DebianHost

pytestmark = pytest.mark.lab

ADDRESS, ELSEWHERE = "203.0.113.5", "198.51.100.5"


class TwoSites(LabSite):
    """A second ban host, `bh2`, beside the first."""

    def __init__(self, folder: Path, root: Path) -> None:
        super().__init__(folder, root, settings="receiver_tls: off")
        self.second = DebianHost(root)

    def __enter__(self) -> TwoSites:
        self._stack.enter_context(self.second)
        super().__enter__()
        return self

    def write_inventory(self, settings: str | None = None) -> None:
        super().write_inventory(settings)
        hosts, keys = self.folder / "hosts.yml", self.folder / "known_hosts"
        first = hosts.read_text().partition("        bh1:\n")[2].partition("    fortigates:")[0]
        second = first.replace(self.host.address, self.second.address)
        second = second.replace(str(self.host.private_key), str(self.second.private_key))
        hosts.write_text(hosts.read_text().replace(first, f"{first}        bh2:\n{second}"))
        name, key = known_as(self.second.address, self.second.port), self.second.host_key_line
        keys.write_text(f"{keys.read_text()}{name} {key.split(' ', 1)[1]}\n")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, ready_root: Path) -> Iterator[TwoSites]:
    """Both deployed; nobody is banned."""
    with TwoSites(tmp_path_factory.mktemp("sites") / "inventory", ready_root) as lab:
        applied = lab.run("apply", "-y")
        assert applied.code == 0, applied.out + applied.err
        yield lab


def states(ran: Ran) -> dict[str, str]:
    """What became of each ban host, by its name."""
    targets = [target for site in ran.document["sites"] for target in site["targets"]]
    return {target["host"]: target["state"] for target in targets}


def banned(ran: Ran) -> dict[str, list[str]]:
    """Who is banned at each ban host that answered."""
    return {
        host: [ban["address"] for ban in ran.target(host)["bans"]]
        for host, state in states(ran).items()
        if state == "ok"
    }


def told(sites: TwoSites) -> dict[str, list[tuple[str, str]]]:
    """What happened to whom at each ban host, the oldest first."""
    history = sites.run("bans", "--history", "--json")
    return {
        host: [(entry["what"], entry["address"]) for entry in history.target(host)["history"]]
        for host in ("bh1", "bh2")
    }


def test_a_ban_and_an_unban_take_effect_at_all_sites_or_at_those_of_limit(sites: TwoSites) -> None:
    before = told(sites)
    everywhere = sites.run("ban", ADDRESS, "--for", "1h", "--json")
    one = sites.run("ban", ELSEWHERE, "--for", "1h", "--limit", "bh2", "--json")

    assert (everywhere.code, states(everywhere)) == (0, {"bh1": "changed", "bh2": "changed"})
    assert (one.code, states(one)) == (0, {"bh2": "changed"})
    listed = sites.run("bans", "--json")
    assert banned(listed) == {"bh1": [ADDRESS], "bh2": [ADDRESS, ELSEWHERE]}
    assert banned(sites.run("bans", "--limit", "bh1", "--json")) == {"bh1": [ADDRESS]}
    rows = [line for line in sites.run("bans").out.splitlines() if ADDRESS in line]
    assert [row.split()[0] for row in rows] == ["bh1", "bh2"]
    assert states(sites.run("status", "--limit", "bh2", "--json")) == {"bh2": "ok"}

    freed = sites.run("unban", ELSEWHERE, "--json")
    assert (freed.code, states(freed)) == (0, {"bh1": "ok", "bh2": "changed"})
    assert freed.target("bh1")["notes"] == ["was not banned"]
    freed = sites.run("unban", ADDRESS, "--json")
    assert (freed.code, states(freed)) == (0, {"bh1": "changed", "bh2": "changed"})
    assert banned(sites.run("bans", "--json")) == {"bh1": [], "bh2": []}
    new = {host: entries[len(before[host]) :] for host, entries in told(sites).items()}
    assert new["bh1"] == [("ban", ADDRESS), ("unban", ADDRESS)]
    assert sorted(new["bh2"]) == sorted(
        [("ban", ADDRESS), ("ban", ELSEWHERE), ("unban", ELSEWHERE), ("unban", ADDRESS)]
    )


def test_while_one_ban_host_is_down_the_other_is_served_and_the_exit_code_says_so(
    sites: TwoSites,
) -> None:
    assert sites.run("ban", ADDRESS, "--for", "1h").code == 0
    sites.host.kill()
    try:
        asked = {
            verb: sites.run(*verb.split(), "--json")
            for verb in (f"unban {ADDRESS}", f"ban {ELSEWHERE} --for 1h", "bans", "status")
        }
        status = sites.run("status")
    finally:
        sites.host.boot()

    assert {ran.code for ran in asked.values()} == {4}
    assert [states(ran) for ran in asked.values()] == [
        {"bh1": "unreachable", "bh2": state} for state in ("changed", "changed", "ok", "ok")
    ]
    assert banned(asked["bans"]) == {"bh2": [ELSEWHERE]}
    assert all(ran.target("bh1")["error"] for ran in asked.values())
    rows = {line.split()[0]: line for line in status.out.splitlines() if line.startswith("bh")}
    assert (status.code, "unreachable" in rows["bh1"], " up " in rows["bh2"]) == (4, True, True)

    again = sites.run("unban", ADDRESS, "--json")
    assert (again.code, states(again)) == (0, {"bh1": "changed", "bh2": "ok"})
    assert sites.run("unban", ELSEWHERE).code == 0
    assert banned(sites.run("bans", "--json")) == {"bh1": [], "bh2": []}
