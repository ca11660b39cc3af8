"""The steps for a ban host as an operator approves them: readable, and without keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provision.linux.agent.protocol.steps import MakeCertificate, NewFile, PutFiles, Step
from provision.linux.agent.protocol.wire import from_json, to_json
from provision.linux.kinds.certificate import Certificate
from provision.linux.kinds.file import File, show_content
from provision.linux.kinds.resource import Resource
from provision.plan import format_canonical


@dataclass(frozen=True)
class _Steps:
    steps: tuple[Step, ...]


def format_step(step: Step) -> str:
    """Return ``step`` as canonical JSON: files as text, secrets by name, given certificates as digests."""
    if isinstance(step, PutFiles):
        files = (
            replace(file, content=show_content(file.path, _decode(file).decode()))
            for file in step.files
        )
        step = replace(step, files=tuple(files))
    elif isinstance(step, MakeCertificate):
        step = replace(step, content=_digest(_decode(step)))
    return format_canonical(to_json(step))


def fill_steps(
    approved: Sequence[Mapping[str, Any]], desired: Sequence[Resource]
) -> tuple[Step, ...]:
    """Return the ``approved`` steps for the agent, with the contents from ``desired``.

    Raises:
        ValueError: they are not the steps that were approved.
    """
    contents = {
        each.path: each.content or "" for each in desired if isinstance(each, File | Certificate)
    }
    try:
        steps = from_json(_Steps, {"steps": approved}).steps
    except (KeyError, TypeError, AttributeError):
        raise ValueError("the approved steps must have the form of steps") from None
    steps = tuple(_fill(step, contents) for step in steps)
    if [format_step(step) for step in steps] != [format_canonical(step) for step in approved]:
        raise ValueError("the inventory must ask for what was approved")
    return steps


def _fill(step: Step, contents: Mapping[str, str]) -> Step:
    if isinstance(step, PutFiles):
        files = tuple(replace(file, content=_encode(file, contents)) for file in step.files)
        return replace(step, files=files)
    if isinstance(step, MakeCertificate):
        return replace(step, content=_encode(step, contents))
    return step


def _encode(step: NewFile | MakeCertificate, contents: Mapping[str, str]) -> str:
    return base64.b64encode(contents.get(step.path, "").encode()).decode()


def _decode(step: NewFile | MakeCertificate) -> bytes:
    return base64.b64decode(step.content)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}" if content else ""
