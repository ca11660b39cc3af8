"""The plan that was shown is the plan that is carried out; what differs by then is shown and not sent."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provision.engine.run import Job
from provision.errors import InputError, Unreachable
from provision.fortios.config.text import Statement, Word
from provision.linux.session.session import NoPython
from provision.masking import MASK, Secrets
from provision.plan import SitePlan, to_json
from provision.results import Exit, SiteResult, TargetResult, build_document, exit_code
from provision.sites.selection import Choice, ChosenSites, read_sites
from tests.plays import PLAYS
from tests.unit.engine.site_model import (
    ALL,
    BAN_HOST,
    FACTORY,
    FW1,
    FW2,
    ONLY_FW1,
    SITE,
    World,
    apply,
    error,
    go,
    job,
    plan,
    states,
)
from tests.unit.inventory.inventories import write
from tests.unit.linux.linux_model import Host, file_state
from tests.unit.roles.sample_ca import limited

FILTER = "/etc/fail2ban/filter.d/banstitch.conf"


def target(result: SiteResult, host: str) -> TargetResult:
    return next(each for each in result.targets if each.host == host)


def sent(world: World) -> list[tuple[str, str]]:
    """What was changed, but for the records that a ban host keeps."""
    return [each for each in world.changes() if each[1] != "remember"]


def refused(result: SiteResult, host: str) -> TargetResult:
    found = target(result, host)
    assert found.state == "failed"
    assert f"{host} changed after its plan was made" in found.error
    assert found.new_plan is not None
    assert found.difference
    assert exit_code([result]) == Exit.FAILED
    return found


# --- values --------------------------------------------------------------------------------------


def test_plans_and_results_can_be_given_to_another_process(world: World) -> None:
    work = job("apply")
    approved = plan(work)
    assert pickle.loads(pickle.dumps(approved)) == approved
    result = apply(work, pickle.loads(pickle.dumps(approved)))
    assert pickle.loads(pickle.dumps(result)) == result


def test_a_job_names_its_sites_and_another_process_reads_the_secrets_itself(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        hosts__yml="""
            ban_hosts: {hosts: {ban1: {ansible_host: 192.0.2.1, ansible_user: root}}}
            fortigates:
              hosts: {fw1: {ansible_host: 192.0.2.2, ban_host: ban1}}
              vars: {ansible_user: admin, ansible_password: correct-horse-battery}
            """,
    )
    sites = read_sites(Choice((str(folder),), (), "fw1"), PLAYS, Secrets())
    work = Job("plan", PLAYS, sites, folder / "known_hosts")
    sent = pickle.dumps(work)
    assert b"correct-horse-battery" not in sent
    received = pickle.loads(sent)
    assert dict(received.sites) == dict(sites)
    assert received.sites.hidden == ("correct-horse-battery",)
    assert not received.sites["ban1"].linux


def test_a_plan_is_the_same_before_and_after_the_secrets_are_made(world: World) -> None:
    first = plan(job("plan"))
    go("apply")
    tokens = world.host.tokens
    world.units = {FW1: {"vpn ssl settings": ()}, FW2: {"vpn ssl settings": ()}}
    again = plan(job("plan"))
    for before, after in zip(first.targets[1:], again.targets[1:], strict=True):
        shown = [step for step in after.steps if "certificate" not in step]
        assert shown == [step for step in before.steps if "certificate" not in step]
    assert tokens
    text = to_json(again)
    assert f"(secret webhook:{FW1})" in text
    assert all(f'\\"{token}\\"' not in text for token in tokens.values())


def test_no_secret_comes_back_from_a_plan_or_a_result(world: World) -> None:
    go("apply")
    world.host.tokens = dict.fromkeys(world.host.tokens or {}, "t0ken-of-the-ban-host-1234")
    world.faults[(FW1, "connect")] = Unreachable("said t0ken-of-the-ban-host-1234 and pa55word")
    sites = ChosenSites(Choice(("/nonexistent",)), PLAYS, [ALL], hidden=("pa55word",))
    work = replace(job("apply"), sites=sites)
    assert "t0ken" not in to_json(plan(work))
    assert "pa55word" not in to_json(plan(work))
    assert f"said {MASK} and {MASK}" in to_json(plan(work))
    assert "pa55word" not in repr(work)


def test_a_plan_of_another_site_or_verb_is_refused(world: World) -> None:
    approved = plan(job("apply"))
    for other in (replace(approved, name="elsewhere"), replace(approved, verb="teardown")):
        with pytest.raises(InputError, match="make a new plan"):
            apply(job("apply"), other)
    assert world.changes() == []


# --- FortiGates ----------------------------------------------------------------------------------


def add_neighbour(world: World, name: str = "theirs") -> None:
    """Another administrator denies one more list."""
    body = world.units[FW1]["vpn ssl settings"]
    lists = [x for x in body if getattr(x, "name", "") == "source-address"]
    words = tuple(word for each in lists for word in each.words[1:])  # type: ignore[union-attr]
    others = tuple(x for x in body if x not in lists)
    both = (Word("source-address"), *words, Word(f'"{name}"'))
    world.units[FW1]["vpn ssl settings"] = (
        *others,
        Statement("set", both),
        Statement("set", (Word("source-address-negate"), Word("enable"))),
    )


def test_the_same_object_with_other_lines_is_not_sent(world: World) -> None:
    """Between question and push the ids and the actions of the changes stay what they were."""
    work = job("apply")
    add_neighbour(world)
    approved = plan(work)
    add_neighbour(world, "one_more")

    result = apply(work, approved)

    found = refused(result, FW1)
    assert [(c.id, c.action) for c in found.new_plan or ()] == [
        (c.id, c.action) for c in approved.targets[1].changes
    ]
    assert '"one_more"' in found.difference
    assert (FW1, "apply") not in world.log
    assert states(result)[FW2] == "changed"


def test_a_record_that_changes_between_question_and_push_changes_nothing_unseen(
    world: World,
) -> None:
    go("apply")
    work = job("teardown")
    approved = plan(work)
    assert world.host.memory is not None
    record = world.host.memory["fortigates"][FW1]
    settings = next(pair for pair in record["objects"] if pair[0] == "vpn ssl settings")
    settings[1] = 'config vpn ssl settings\nset source-address "all"\nend\n'
    world.log.clear()

    result = apply(work, approved)

    assert '"all"' in refused(result, FW1).difference
    assert (FW1, "apply") not in world.log
    assert (BAN_HOST, "apply") not in world.log
    assert states(result)[BAN_HOST] == "skipped"


def test_a_fortigate_that_was_unreachable_is_not_changed_once_it_is_back(world: World) -> None:
    world.faults[(FW1, "connect")] = Unreachable("no route")
    work = job("apply")
    approved = plan(work)
    world.faults.clear()

    result = apply(work, approved)

    assert states(result) == {BAN_HOST: "changed", FW1: "unreachable", FW2: "changed"}
    assert (FW1, "apply") not in world.log
    assert exit_code([result]) == Exit.UNREACHABLE


def test_a_fortigate_that_the_plan_does_not_name_is_left_alone(world: World) -> None:
    approved = plan(job("apply"))
    fewer = replace(approved, targets=approved.targets[:2])

    result = apply(job("apply"), fewer)

    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "skipped"}
    assert (FW2, "apply") not in world.log


def test_a_site_that_had_nothing_to_change_is_not_touched_when_it_has(world: World) -> None:
    go("apply")
    work = job("apply")
    approved = plan(work)
    world.units[FW1] = {"vpn ssl settings": ()}
    world.host.packages.clear()
    before = world.everything()
    world.log.clear()

    result = apply(work, approved)

    assert states(result) == {BAN_HOST: "ok", FW1: "ok", FW2: "ok"}
    assert world.log == []
    assert world.everything() == before


def test_what_somebody_else_has_done_meanwhile_is_not_done_twice(world: World) -> None:
    work = job("apply")
    approved = plan(work)
    go("apply")
    world.log.clear()

    result = apply(work, approved)

    assert refused(result, BAN_HOST).new_plan == ()
    assert states(result) == {BAN_HOST: "failed", FW1: "skipped", FW2: "skipped"}
    assert sent(world) == [(BAN_HOST, "apply")]  # asked, and answered that it moved


def test_only_a_ca_that_did_not_exist_is_filled_in(world: World) -> None:
    """Once there is one, another that a ban host shows is a change of the plan."""
    go("apply")
    world.units[FW1] = {"vpn ssl settings": ()}
    work = job("apply")
    approved = plan(work)
    assert any("BEGIN CERTIFICATE" in step for step in approved.targets[1].steps)
    for found in world.host.certificates.values():
        found["pem"] = limited(tuple(found["permits"]), serial=9)
    world.log.clear()

    result = apply(work, approved)

    refused(result, FW1)
    assert (FW1, "apply") not in world.log


# --- ban hosts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "meddle",
    [
        lambda host: host.paths.update({FILTER: file_state("theirs")}),
        lambda host: host.packages.add("fail2ban"),
        lambda host: host.users.add("banstitch"),
    ],
)
def test_a_ban_host_that_changed_is_not_changed_further(
    world: World, meddle: Callable[[Any], object]
) -> None:
    work = job("apply", adopt=True)
    approved = plan(work)
    meddle(world.host)
    before = world.everything()

    result = apply(work, approved)

    refused(result, BAN_HOST)
    assert states(result) == {BAN_HOST: "failed", FW1: "skipped", FW2: "skipped"}
    assert world.everything() == before


def test_a_ban_host_that_moved_in_a_way_that_changes_no_plan_is_changed_in_one_more_exec(
    world: World,
) -> None:
    work = job("apply")
    quiet = apply(work, plan(work))
    world.host, world.units = Host(), {FW1: dict(FACTORY), FW2: dict(FACTORY)}
    approved = plan(work)
    world.host.facts["something"] = "else"

    result = apply(work, approved)

    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}
    assert target(result, BAN_HOST).execs == target(quiet, BAN_HOST).execs + 1


def test_a_ban_host_that_never_stands_still_is_not_changed(world: World) -> None:
    work = job("apply")
    approved = plan(work)
    count = 0

    def move(host: str, what: str) -> None:
        nonlocal count
        if (host, what) == (BAN_HOST, "apply"):
            count += 1
            world.host.facts["count"] = count

    world.meddle = move
    result = apply(work, approved)

    assert "keeps changing" in error(result, BAN_HOST)
    assert count == 2
    assert world.host.memory is None


def test_bans_that_come_and_go_hold_up_nothing(world: World) -> None:
    go("apply")
    world.host.packages.clear()
    work = job("apply")
    approved = plan(work)
    world.host.bans["banstitch-ssl_login_failed"] = 7

    result = apply(work, approved)

    assert states(result)[BAN_HOST] == "changed"
    assert target(result, BAN_HOST).execs == 2


def test_looking_and_changing_cost_one_exec_each(world: World) -> None:
    """Where only FortiGates change, the ban host is asked once more for what they need."""
    work = job("apply", selected_host())
    assert target(apply(work, plan(work)), BAN_HOST).execs == 2
    go("apply")
    world.units[FW1] = {"vpn ssl settings": ()}
    work = job("apply", ONLY_FW1)
    approved = plan(work)
    world.log.clear()
    apply(work, approved)
    asked = [what for host, what in world.log if host == BAN_HOST and what != "connect"]
    assert asked == ["observe", "lease", "remember", "remember", "release"]


def selected_host() -> Any:
    return replace(ALL, fortigates=())


# --- a ban host without python3 ------------------------------------------------------------------


def bare(world: World, sshd_jail_without_log: bool = False) -> None:
    world.faults[(BAN_HOST, "observe")] = NoPython("no python3", sshd_jail_without_log)


def test_packages_that_came_with_python_drop_out_of_the_plan(world: World) -> None:
    bare(world)
    work = job("apply")
    approved = plan(work)
    assert json.loads(approved.targets[0].steps[0]) == {"do": "python3"}

    def bring(host: str, what: str) -> None:
        if what == "install python":
            world.host.packages |= {"openssl", "fail2ban"}

    world.meddle = bring
    result = apply(work, approved)

    assert states(result) == {BAN_HOST: "changed", FW1: "changed", FW2: "changed"}


def test_a_bare_host_that_is_not_empty_is_left_with_python_and_nothing_else(world: World) -> None:
    bare(world)
    work = job("apply", adopt=True)
    approved = plan(work)
    world.host.paths[FILTER] = file_state("theirs")

    result = apply(work, approved)

    assert "python3 was installed and nothing else was changed" in error(result, BAN_HOST)
    assert "theirs" in refused(result, BAN_HOST).difference
    assert sent(world) == [(BAN_HOST, "install python")]


def test_what_is_foretold_of_a_bare_host_is_part_of_its_plan(world: World) -> None:
    """fail2ban does not start on a Debian 12 without a log of sshd: a file mends that."""
    bare(world, sshd_jail_without_log=True)
    approved = plan(job("apply"))
    world.host.facts["sshd_jail_without_log"] = True
    assert states(apply(job("apply"), approved))[BAN_HOST] == "changed"


# --- teardown and --forget -----------------------------------------------------------------------


def test_a_teardown_of_a_ban_host_that_changed_leaves_the_whole_site(world: World) -> None:
    go("apply")
    work = job("teardown")
    approved = plan(work)
    world.host.paths[FILTER] = file_state("edited meanwhile")
    before = world.everything()

    result = apply(work, approved)

    refused(result, BAN_HOST)
    assert states(result) == {FW1: "skipped", FW2: "skipped", BAN_HOST: "failed"}
    assert world.everything() == before


def test_a_ban_host_is_not_torn_down_under_a_fortigate_that_came_meanwhile(world: World) -> None:
    go("apply")
    work = job("teardown")
    approved = plan(work)
    assert world.host.memory is not None
    world.host.memory["fortigates"]["fw3"] = world.records()[FW1]

    result = apply(work, approved)

    assert "still polled by fw3" in error(result, BAN_HOST)
    assert world.host.memory is not None


def test_only_what_was_to_be_forgotten_when_the_plan_was_shown_is_forgotten(world: World) -> None:
    go("apply")
    assert world.host.memory is not None
    records = world.host.memory["fortigates"]
    records["gone1"] = records[FW1]
    work = job("apply", forget=("gone1", "gone2"))
    approved = plan(work)
    assert approved.targets[0].forgets == ("gone1",)
    records["gone2"] = records[FW1]

    result = apply(work, approved)

    assert exit_code([result]) == Exit.OK
    assert set(world.records()) == {FW1, FW2, "gone2"}


# --- what an operator sees -----------------------------------------------------------------------


def test_the_json_of_a_refused_apply_has_the_new_plan(world: World) -> None:
    add_neighbour(world)
    work = job("apply")
    approved = plan(work)
    add_neighbour(world, "one_more")

    result = apply(work, approved)

    (site,) = build_document("apply", exit_code([result]), [result])["sites"]
    found = next(each for each in site["targets"] if each["host"] == FW1)
    assert (found["state"], found["changes"]) == ("failed", [])
    assert {each["id"] for each in found["new_plan"]} >= {"vpn ssl settings"}
    assert '+        set source-address "theirs" "one_more"' in found["difference"]
    others = [each for each in site["targets"] if each["host"] != FW1]
    assert [each["new_plan"] for each in others] == [None, None]


def test_secrets_learnt_on_the_way_are_known_to_the_mask_of_this_process(world: World) -> None:
    go("apply")
    world.host.tokens = dict.fromkeys(world.host.tokens or {}, "t0ken-of-the-ban-host-1234")
    secrets = Secrets()
    go("apply", secrets=secrets)
    assert secrets.mask("t0ken-of-the-ban-host-1234") == MASK


def test_a_plan_names_the_site_and_what_is_to_be_done(world: World) -> None:
    found = plan(job("teardown"))
    assert isinstance(found, SitePlan)
    assert (found.name, found.verb) == (SITE.name, "teardown")
