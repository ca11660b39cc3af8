"""`render DIR`: every file and CLI block as it would be deployed, for review or for pasting by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provision import desired
from provision.errors import Fault, InputError
from provision.linux.resources import File
from provision.sites import Play, Selected


def render(selected: Selected, plays: Sequence[Play], directory: Path) -> list[Path]:
    """Write ``DIR/HOST/etc/...`` for the ban host and ``DIR/UNIT.conf`` for each FortiGate.

    Raises:
        InputError: a template is at fault, or the directory cannot be written.
    """
    texts: dict[Path, str] = {}
    if selected.linux:
        root = directory / selected.site.ban_host.name
        for resource in desired.linux(selected.site, plays):
            if isinstance(resource, File) and resource.content is not None:
                texts[root / resource.path.lstrip("/")] = resource.content
    for unit in selected.fortigates:
        found = desired.blocks(selected.site, unit, plays, {})
        texts[directory / f"{unit.name}.conf"] = "".join(block.text for block in found)
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        what = f"cannot write {error.filename or directory}: {error.strerror}"
        raise InputError([Fault("", 0, what, "choose another directory")]) from error
    return list(texts)
