"""`render DIR`: write every file and CLI block, for review or for pasting by hand."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from provision.desired import collect
from provision.errors import Failed, InputError, Problem
from provision.fortios.config.desired import CliBlock
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import forti_quote
from provision.fortios.config.versions import NEWEST, Version
from provision.linux.kinds.file import File, show_content
from provision.sites.site import Play, Selected


def render_files(
    selected: Selected, plays: Sequence[Play], directory: Path, version: Version = NEWEST
) -> list[Path]:
    """Write ``DIR/HOST/etc/...`` for the ban host and ``DIR/FORTIGATE.conf`` for each FortiGate.

    Raises:
        InputError: a template is wrong, or the directory cannot be written.
    """
    texts: dict[Path, str] = {}
    if selected.linux:
        root = directory / selected.site.ban_host.name
        for resource in collect.render_resources(selected.site, plays):
            if isinstance(resource, File) and resource.content is not None:
                shown = show_content(resource.path, resource.content)
                texts[root / resource.path.lstrip("/")] = shown
    for fortigate in selected.fortigates:
        context = collect.build_offline_context(selected.site, fortigate, plays, version)
        blocks = pick_first_choice(collect.render_blocks(context, plays))
        vdom = collect.find_vdom(context, plays) if context.facts.vdoms else ""
        texts[directory / f"{fortigate.name}.conf"] = "".join(enter_scopes(blocks, vdom))
    for path, text in texts.items():
        _write(path, text)
    return list(texts)


def _write(path: Path, text: str) -> None:
    """Write a file atomically.

    Raises:
        InputError: the file cannot be written there.
        Failed: the disk is full or broken.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            message = f"cannot write {path}: {error.strerror}; free some space and run again"
            raise Failed(message) from error
        message = f"cannot write {error.filename or path}: {error.strerror}"
        raise InputError([Problem("", 0, message, "choose another directory")]) from error


def find_misplaced(written: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the files and tables whose policies must be moved by hand after pasting.

    The policies that they must precede are known on the FortiGate only.
    """
    for path in written:
        tables = re.findall(
            r"^config (firewall \S+)\n +edit ", path.read_text("utf-8"), re.MULTILINE
        )
        yield from (
            (path, table) for table in dict.fromkeys(tables) if find_table(table).identified_by
        )


def pick_first_choice(blocks: Sequence[CliBlock]) -> list[CliBlock]:
    """Return the blocks with only the first suitable choice, as far as it is known without a connection."""
    able = (block.choice for block in blocks if block.choice and not block.unsuited)
    first = next(able, "")
    return [block for block in blocks if block.choice in ("", first) and block.text]


def enter_scopes(blocks: Sequence[CliBlock], vdom: str) -> Iterator[str]:
    """Yield the text to paste; with VDOMs, each block is entered in its scope."""
    if not vdom:
        yield from (block.text for block in blocks)
        return
    enter = {"global": "config global\n", "vdom": f"config vdom\nedit {forti_quote(vdom)}\n"}
    for scope, group in groupby(blocks, lambda block: block.scope):
        yield enter[scope] + "".join(block.text for block in group) + "end\n"
