"""Check that plans can be given to another process, and that no secret is in them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from provision.engine.run import Job
from provision.errors import InputError, Unreachable
from provision.masking import MASK, Secrets
from provision.plan import SitePlan, to_json
from provision.sites.selection import Choice, ChosenSites, read_sites
from tests.plays import PLAYS
from tests.unit.engine.site_model import (
    ALL,
    FW1,
    FW2,
    SITE,
    World,
    apply,
    go,
    job,
    plan,
)
from tests.unit.inventory.inventories import write


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
