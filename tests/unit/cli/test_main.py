"""The command line as scripts and operators use it, wherever nobody needs to be contacted."""

from __future__ import annotations

import io
import json
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from provision.cli.main import main
from provision.engine import progress, site
from provision.errors import InputError, Problem, Unreachable
from provision.linux.session import session
from provision.plan import SitePlan
from provision.results import SiteResult, TargetResult
from tests.plays import load_plays
from tests.unit.cli.command_line import HOSTS, PASSWORD, Cli
from tests.unit.inventory.inventories import write


def test_a_line_of_known_hosts_that_cannot_be_read_is_a_warning_where_hosts_are_contacted(
    offline: Cli,
) -> None:
    file = offline.folder / "known_hosts"
    file.write_text("# ours\nbh1 ssh-ed25519 not-base64\n")
    warning = f"warning: {file}:2: the key is damaged; line skipped\n"
    said = offline("plan")
    assert said.code == 4
    assert said.err.count(warning) == 1
    assert warning not in offline("check").err


def test_check_says_that_all_is_well(cli: Cli) -> None:
    said = cli("check")
    assert (said.code, said.out) == (0, "ok: 1 site, 2 FortiGates, as FortiOS 8.0.0\n")


def test_check_with_json_prints_one_document(cli: Cli) -> None:
    said = cli("check", "--json")
    assert said.code == 0
    found = json.loads(said.out)
    assert (found["verb"], found["exit_code"]) == ("check", 0)
    assert [site["name"] for site in found["sites"]] == ["bh1"]


def test_every_error_has_a_line_of_its_own_on_standard_error(cli: Cli) -> None:
    write(cli.folder, group_vars__all__yml="receiver_portt: 1\ndetection_ban_time: 5 minutes\n")
    said = cli("check")
    assert (said.code, said.out) == (3, "")
    lines = said.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{cli.folder}/group_vars/all.yml:") for line in lines)
    assert "receiver_port" in lines[0]


def test_an_error_about_a_setting_that_is_not_set_has_the_line_of_its_host(cli: Cli) -> None:
    shield = '{"shield": "auto", "enforcement_local_in_interfaces": ["wan1"]}'
    assert "hosts.yml:8: " in cli("check", "-e", shield).err


def test_an_error_about_a_setting_that_is_not_set_has_the_place_of_the_one_that_needs_it(
    cli: Cli,
) -> None:
    assert cli("check", "-e", "page=on").err.startswith("-e: bh1: page_users: ")


def test_an_error_in_a_template_is_printed_before_any_host_is_contacted(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_fault(*_: Any) -> NoReturn:
        raise InputError([Problem("templates/webhook/stitch.conf.j2", 3, "no end")])

    monkeypatch.setattr("provision.desired.collect.render_desired", at_fault)
    said = cli("plan")
    assert (said.code, said.err) == (3, "templates/webhook/stitch.conf.j2:3: no end\n")


@pytest.mark.parametrize("verb", ["ban", "unban"])
def test_a_network_that_could_be_a_slip_of_the_prefix_is_refused(cli: Cli, verb: str) -> None:
    said = cli(verb, "8.8.8.0/8")
    assert (said.code, said.out) == (3, "")
    assert (
        said.err
        == "8.8.8.0/8 is an address within 8.0.0.0/8; write 8.0.0.0/8 for the whole network\n"
    )


def test_the_list_of_bans_is_followed_by_nothing_where_all_is_well(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    ban = {"address": "192.0.2.7", "jail": "banstitch-x", "since": 0, "until": -1, "failures": 3}
    well = TargetResult(
        "bh1", "linux", "ok", 1, details={"bans": [{**ban, "count": 1, "why": "x"}]}
    )
    monkeypatch.setattr("provision.engine.requests.ask", lambda *_: SiteResult("bh1", (well,)))
    said = cli("bans")
    assert (said.code, len(said.out.splitlines())) == (0, 2)
    assert said.out.splitlines()[1].split()[:3] == ["bh1", "192.0.2.7", "x"]


def test_the_list_of_bans_says_what_becomes_of_those_that_other_sites_share(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    ban = {"address": "192.0.2.7", "jail": "banstitch-x", "since": 0, "until": 1, "failures": 0}
    shared = [{**ban, "count": 0, "why": "shared by bh2, bh3"}]
    found = TargetResult("bh1", "linux", "ok", 1, details={"bans": [], "shared": shared})
    monkeypatch.setattr("provision.engine.requests.ask", lambda *_: SiteResult("bh1", (found,)))
    _, row, line = cli("bans").out.splitlines()
    assert row.endswith("shared by bh2, bh3")
    assert "1970-01-01" in row
    assert line == "bh1: 1 ban is shared by other sites: unban does not end it, allow does"


@pytest.mark.parametrize(
    ("arguments", "details"),
    [
        (
            ("bans",),
            {"allowances": [{"network": "192.0.2.7", "until": 1, "by": "a", "why": "x\nbh2: y"}]},
        ),
        (("alarms",), {"alarms": [], "channels": {"mail": "x\nbh2: y"}}),
        (("alarms", "--test"), {"channels": {"mail": "ok\nbh2: y"}}),
        (
            ("alarms",),
            {"alarms": [{"key": "k", "severity": "info", "since": 0, "text": "x\nbh2: y"}]},
        ),
    ],
)
def test_a_ban_host_cannot_print_lines_about_another_site(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], details: dict[str, Any]
) -> None:
    found = TargetResult("bh1", "linux", "ok", 1, details=details)
    monkeypatch.setattr("provision.engine.requests.ask", lambda *_: SiteResult("bh1", (found,)))
    printed = cli(*arguments).out
    assert "\\nbh2: y" in printed
    assert not any(line.startswith("bh2") for line in printed.splitlines())


def test_each_line_of_an_error_names_its_site(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    down = TargetResult("bh1", "linux", "failed", 1, error="it is damaged\nbh2: y")
    monkeypatch.setattr("provision.engine.requests.ask", lambda *_: SiteResult("bh1", (down,)))
    assert cli("status", "--stale", "1h").out == "bh1: bh1: it is damaged\nbh1: bh1: bh2: y\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("aply",), "aply"),
        (("apply", "--nope"), "--nope"),
        (("render",), "DIRECTORY"),
        (("check", "-f", "0"), "forks"),
        (("check", "-f", "many"), "forks"),
        (("check", "surplus"), "surplus"),
        (("check", "-l", "nobody"), "nobody"),
        (("check", "-e", "receiver_portt=1"), "receiver_port"),
        (("check", "-e", "@/nonexistent/file.yml"), "/nonexistent/file.yml"),
        (("check", "-i", "/nonexistent"), "/nonexistent"),
        (("apply",), "-y"),
        (("teardown",), "-y"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_exits_3(
    cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    said = cli(*arguments)
    assert (said.code, said.out) == (3, "")
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert "Traceback" not in said.err


@pytest.mark.parametrize("arguments", [["plan"], ["apply", "-C"], ["apply", "--check", "-y"]])
def test_plan_and_apply_with_check_are_the_same(offline: Cli, arguments: list[str]) -> None:
    said = offline(*arguments, "--json")
    assert said.code == 4
    found = json.loads(said.out)
    assert (found["verb"], found["exit_code"]) == ("plan", 4)
    states = {target["host"]: target["state"] for target in found["sites"][0]["targets"]}
    assert states == {"bh1": "unreachable", "fw1": "skipped", "fw2": "skipped"}
    assert "no route to host" in found["sites"][0]["targets"][0]["error"]


@pytest.mark.parametrize("verb", ["plan", "apply", "verify", "teardown"])
def test_a_host_that_nobody_reaches_exits_4_and_says_what_to_do(offline: Cli, verb: str) -> None:
    said = offline(verb, *(["-y"] if verb in ("apply", "teardown") else []))
    assert said.code == 4
    assert "check ansible_host" in said.out


@pytest.mark.parametrize(
    "words", ["bans", "bans --history", "ban 203.0.113.5", "unban 203.0.113.5", "status"]
)
def test_daily_operation_asks_the_sites_that_it_is_limited_to_and_no_other(
    offline: Cli, words: str
) -> None:
    second = "            bh2: {ansible_host: 192.0.2.20}\n"
    more = HOSTS.replace("            bh1:", second + "            bh1:", 1)
    write(offline.folder, hosts__yml=more)
    for limit, asked in (("bh2", {"bh2"}), ("bh1", {"bh1"}), ("bh1:bh2", {"bh1", "bh2"})):
        said = offline(*words.split(), "--json", "-l", limit)
        assert said.code == 4, said.err
        assert {site["name"] for site in json.loads(said.out)["sites"]} == asked


@pytest.mark.parametrize("flag", ["-v", "-vvv"])
def test_no_password_is_shown_however_much_is_said(offline: Cli, flag: str) -> None:
    said = offline("plan", flag, "-D")
    assert PASSWORD not in said.out + said.err


def test_an_error_of_the_toolkit_is_one_line_and_its_place_is_shown_on_demand(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> NoReturn:
        raise RuntimeError(f"unforeseen, with {PASSWORD}")

    monkeypatch.setattr("provision.cli.runs.exit_code", broken)
    monkeypatch.setattr(site, "plan_site", lambda *_: SitePlan("bh1", "plan"))
    said = cli("plan")
    assert said.code == 1
    error = "error in Banstitch: RuntimeError: unforeseen, with ********"
    assert said.err == f"{error}; run with -vvv and report the traceback\n"
    assert "Traceback" in cli("plan", "-vvv").err


@pytest.mark.parametrize("flags", [["-vvv"], ["-v", "-v", "-v"], ["-Dvvv"], ["--verbose"] * 3])
def test_the_libraries_are_heard_however_vvv_is_spelt(
    cli: Cli, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(*_: object) -> SitePlan:
        progress.log.debug("a word of a library with %s", PASSWORD)
        return SitePlan("bh1", "plan")

    monkeypatch.setattr(site, "plan_site", plan)
    assert "a word of a library with ********" in cli("plan", *flags).err
    assert "a word of a library" not in cli("plan", "-v").err


def test_an_interrupt_exits_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(site, "plan_site", interrupt)
    said = cli("plan")
    assert said.code == 130
    assert said.err == "interrupted: run again to do the rest\n"
    document = json.loads(cli("plan", "--json").out)
    assert (document["exit_code"], document["sites"]) == (130, [])


def test_a_fortigate_that_is_named_alone_is_still_reached_through_its_ban_host(
    offline: Cli,
) -> None:
    found = json.loads(offline("plan", "-l", "fw1", "--json").out)
    assert [target["host"] for target in found["sites"][0]["targets"]] == ["bh1", "fw1"]


def test_a_terminal_that_lacks_a_letter_does_not_stop_the_run(
    offline: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: Any) -> NoReturn:
        raise Unreachable("bh1: h\u00f6r mir zu")

    screen = io.BytesIO()
    monkeypatch.setattr(session, "connect", nobody)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, "ascii", write_through=True))
    assert main(load_plays, ["plan", "-i", str(offline.folder)]) == 4
    assert b"h\\xf6r mir zu" in screen.getvalue()


def test_every_fortigate_that_cannot_do_what_is_asked_is_named_with_the_line(
    cli: Cli, tmp_path: Path
) -> None:
    extra = tmp_path / "places.yml"
    extra.write_text("enforcement: [policy, local_in]\n")
    said = cli("check", "--fortios", "7.0.5", "-e", f"@{extra}")
    assert said.code == 3
    assert "places.yml:1: fw1, fw2: enforcement policy: no interfaces are set" in said.err
    assert "places.yml:1: fw1, fw2: enforcement local_in: FortiOS 7.0.5 cannot" in said.err


def test_a_user_without_a_name_and_a_home_can_check(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that runs as any user has no line about it in /etc/passwd."""

    def find_nobody(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", find_nobody)
    said = cli("check", "-e", "ansible_ssh_common_args='-J bastion -o ProxyCommand=none'")
    assert (said.code, said.err) == (0, "")
