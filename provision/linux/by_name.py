"""The steps for a ban host as an operator approves them: readable, and without keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from provision.linux.draft import Step
from provision.linux.kinds.certificate import Certificate
from provision.linux.kinds.file import File
from provision.linux.kinds.resource import Resource
from provision.plan import format_canonical


def by_name(step: Step) -> str:
    """Return ``step`` as canonical JSON: files as text, a given certificate as its digest."""
    if step["do"] == "files":
        files = [{**file, "content": _decoded(file).decode()} for file in step["files"]]
        return format_canonical({**step, "files": files})
    if step["do"] == "certificate":
        return format_canonical({**step, "content": _digest(_decoded(step))})
    return format_canonical(step)


def filled(steps: Sequence[Mapping[str, Any]], desired: Sequence[Resource]) -> tuple[Step, ...]:
    """Return approved ``steps`` with the contents that ``desired`` has, as the agent takes them.

    Raises:
        ValueError: they are not the steps that were approved.
    """
    contents = {
        each.path: each.content or "" for each in desired if isinstance(each, File | Certificate)
    }
    try:
        found = tuple(_filled(dict(step), contents) for step in steps)
        same = [by_name(step) for step in found] == [format_canonical(step) for step in steps]
    except (KeyError, TypeError, AttributeError):
        raise ValueError("the approved steps must have the form of steps") from None
    if not same:
        raise ValueError("the inventory must ask for what was approved")
    return found


def _filled(step: Step, contents: Mapping[str, str]) -> Step:
    if step["do"] == "files":
        files = [{**file, "content": _encoded(file, contents)} for file in step["files"]]
        return {**step, "files": files}
    if step["do"] == "certificate":
        return {**step, "content": _encoded(step, contents)}
    return step


def _encoded(step: Step, contents: Mapping[str, str]) -> str:
    return base64.b64encode(contents.get(step["path"], "").encode()).decode()


def _decoded(step: Step) -> bytes:
    return base64.b64decode(step["content"])


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}" if content else ""
