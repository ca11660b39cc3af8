"""`render --fortimanager DIR`: scripts to run from FortiManager, one that deploys and one that removes.

Both come from the planner, for a FortiGate that holds nothing of ours: the first is what `apply` would push
to it, and the second what `teardown` would push afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from provision.desired import collect
from provision.errors import InputError, Problem
from provision.fortios.config.desired import Desired, DesiredObject, widen_to_table
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import Edit, Statement, Tree, Word, forti_quote
from provision.fortios.config.versions import NEWEST, Version
from provision.fortios.planning import planner
from provision.fortios.planning.blocks import Block
from provision.fortios.record.record import Record
from provision.sites.site import FortiGate, Play, Selected

# Behind the name of a FortiGate.
DEPLOY, REMOVE = ".deploy.txt", ".remove.txt"


def render_scripts(
    selected: Selected, plays: Sequence[Play], version: Version = NEWEST
) -> dict[str, str]:
    """Return the two scripts of each FortiGate by the names of their files.

    Raises:
        InputError: a template or a setting is wrong.
        Failed: no enforcement suits a FortiGate.
    """
    scripts: dict[str, str] = {}
    for fortigate in selected.fortigates:
        deploy, remove = _plan_scripts(selected, fortigate, plays, version)
        scripts[fortigate.name + DEPLOY] = deploy
        scripts[fortigate.name + REMOVE] = remove
    return scripts


def _plan_scripts(
    selected: Selected, fortigate: FortiGate, plays: Sequence[Play], version: Version
) -> tuple[str, str]:
    site = selected.site
    facts = collect.build_offline_context(site, fortigate, plays, version).facts
    desired = collect.render_desired(site, fortigate, plays, {}, facts)
    deploy = planner.plan(desired, _observe(desired, ()), Record(), key=b"")
    made = {change.id for change in deploy.changes}
    held = [one for one in desired.objects if one.id in made]
    remove = planner.teardown(_observe(desired, held), deploy.settled)
    return _write_script(deploy.blocks), _write_script(remove.blocks)


def _observe(desired: Desired, held: Iterable[DesiredObject]) -> Observed:
    """Return what a FortiGate would show that has ``held``, and nothing else of ``desired``.

    Its single objects are in use: whether they are is known on the FortiGate only.
    """
    ids = planner.object_ids_to_observe(desired, Record())
    seen: dict[str, Tree | None] = {each: _make_unused(ObjectId.parse(each)) for each in ids}
    for one in held:
        place = ObjectId.parse(widen_to_table(one.id))
        key = ObjectId.parse(one.id).quote_key()
        is_row = place.key is None and key is not None
        more = (Edit(key, one.body),) if is_row and key else one.body
        seen[str(place)] = (*(seen.get(str(place)) or ()), *more)
    return Observed("", seen)


def _make_unused(one: ObjectId) -> Tree | None:
    """Return the body of an object that has nothing of ours; None for an entry, which does not exist."""
    used_if = find_table(one.table).used_if
    if one.key is not None:
        return None
    return (Statement("set", (Word(used_if), Word('"any"'))),) if used_if else ()


def _write_script(blocks: Iterable[Block]) -> str:
    """Return the text of ``blocks``; with VDOMs, each is entered in its scope."""
    groups = groupby(blocks, lambda block: ObjectId.parse(block.id).scope)
    return "".join("".join(_enter_scope(scope, group)) for scope, group in groups)


def _enter_scope(scope: str, blocks: Iterable[Block]) -> Iterator[str]:
    if scope:
        name = forti_quote(scope)
        yield "config global\n" if scope == "global" else f"config vdom\nedit {name}\n"
    yield from (block.shown for block in blocks)
    if scope:
        yield "end\n"


def write_scripts(directory: Path, scripts: dict[str, str]) -> list[Path]:
    """Write ``scripts`` to a directory, readable by their owner only: secrets are filled in there.

    A file of the same name and another content may hold these secrets already, or be somebody else's, so it
    is never overwritten, and then nothing is written.

    Raises:
        InputError: such a file exists, or a file cannot be written.
    """
    texts = {directory / name: text for name, text in scripts.items()}
    try:
        foreign = [path for path, text in texts.items() if not _is_free(path, text)]
        if foreign:
            message = f"{', '.join(map(str, foreign))} must not exist with another content"
            raise InputError([Problem("", 0, message, "move it away, or choose another directory")])
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, text in texts.items():
            _create(path, text)
    except OSError as error:
        message = f"cannot write {error.filename or directory}: {error.strerror}"
        raise InputError([Problem("", 0, message, "choose another directory")]) from error
    return list(texts)


def _is_free(path: Path, text: str) -> bool:
    """Return whether ``path`` does not exist, or is a file of its own with this text."""
    if not os.path.lexists(path):
        return True
    return path.is_file() and not path.is_symlink() and path.read_bytes() == text.encode()


def _create(path: Path, text: str) -> None:
    if os.path.lexists(path):
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:  # somebody else made it just now
        raise
    except OSError:
        path.unlink(missing_ok=True)
        raise
