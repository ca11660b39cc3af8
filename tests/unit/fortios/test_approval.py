"""The approval checks every line before it is typed, and does not know how the plan came about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provision.errors import Failed
from provision.fortios.config.text import Config, Edit, Statement, Word, parse
from provision.fortios.planning.approval import ABORT, COMMIT, SAVE, START, Approval
from provision.fortios.planning.blocks import Block, build_block
from provision.fortios.planning.planner import plan, teardown
from provision.fortios.record.record import Record
from provision.fortios.session.batches import split_into_batches
from tests.unit.engine.site_model import FACTORY
from tests.unit.fortios import fortios_model
from tests.unit.fortios.sample_cli import KEY, WANT

OBSERVED = fortios_model.observe(dict(FACTORY), [each.id for each in WANT.objects], "FGT1")
MADE = plan(WANT, OBSERVED, Record(), key=KEY)
BLOCKS = MADE.blocks
APPROVAL = Approval(tuple((each.id, each.shown) for each in BLOCKS))
TRIGGER = next(each for each in BLOCKS if "automation-trigger" in each.id)
EVIL = "config system admin\nedit evil\nset accprofile super_admin\nnext\nend\n"


def refused(what: str) -> pytest.RaisesExc[Failed]:
    return pytest.raises(Failed, match=what)


@pytest.mark.parametrize("atomic", [True, False])
def test_every_line_of_the_approved_blocks_passes(atomic: bool) -> None:
    APPROVAL.check_plan(BLOCKS)
    for chunk in split_into_batches(BLOCKS, atomic):
        APPROVAL.check_lines(((line.id, line.text) for line in chunk), BLOCKS)
    APPROVAL.check_lines([("the transaction", x) for x in (START, COMMIT, ABORT, SAVE)], ())


@pytest.mark.parametrize("scope", ["global", "root", "edge 1"])
def test_the_lines_that_enter_a_scope_pass_with_its_blocks(scope: str) -> None:
    scoped = [replace(each, id=f"{scope}/{each.id}") for each in BLOCKS]
    approval = Approval(tuple((each.id, each.shown) for each in scoped))
    approval.check_plan(scoped)
    for chunk in split_into_batches(scoped, False):
        approval.check_lines(((line.id, line.text) for line in chunk), scoped)


@pytest.mark.parametrize(
    "blocks",
    [
        BLOCKS[1:],
        tuple(reversed(BLOCKS)),
        (*BLOCKS, BLOCKS[0]),
        (*BLOCKS, Block("system admin:evil", parse(EVIL))),
        (Block(BLOCKS[0].id, parse(EVIL)), *BLOCKS[1:]),
        (),
    ],
)
def test_blocks_that_were_not_approved_are_refused(blocks: tuple[Block, ...]) -> None:
    with refused("must be part of the approved plan"):
        APPROVAL.check_plan(blocks)


@pytest.mark.parametrize(
    "text",
    [
        "config system admin",
        "edit evil",
        "delete " + TRIGGER.id,
        "execute factoryreset",
        START + "\nconfig system admin",
        "purge",
        "",
    ],
)
def test_a_line_outside_the_blocks_is_refused(text: str) -> None:
    with refused("it was not sent"):
        APPROVAL.check_lines([(TRIGGER.id, text)], BLOCKS)


def test_a_line_of_one_object_is_refused_for_another() -> None:
    with refused("it was not sent"):
        APPROVAL.check_lines([("vpn ssl settings", 'edit "ban-login"')], BLOCKS)


def test_the_rollback_of_an_approved_plan_passes() -> None:
    unit = fortios_model.apply_blocks(dict(FACTORY), BLOCKS)
    seen = fortios_model.observe(unit, [each.id for each in WANT.objects], "FGT1")
    APPROVAL.check_rollback(teardown(seen, MADE.settled).blocks)


@pytest.mark.parametrize(
    "back",
    [
        Block("system admin:evil", parse(EVIL)),
        Block(TRIGGER.id, parse(EVIL)),
        Block(TRIGGER.id, (*TRIGGER.tree, *parse(EVIL))),
        Block(TRIGGER.id, ()),
        build_block("system automation-trigger:theirs", None),
        Block(
            TRIGGER.id,
            (Config("system automation-trigger", (Statement("delete", (Word("theirs"),)),)),),
        ),
        Block(TRIGGER.id, (Config("system automation-trigger", (Edit(Word("theirs")),)),)),
        Block(TRIGGER.id, (Config("system automation-trigger", (Statement("purge", ()),)),)),
    ],
)
def test_a_rollback_of_other_objects_is_refused(back: Block) -> None:
    with refused("must be part of the approved plan"):
        APPROVAL.check_rollback((back,))
