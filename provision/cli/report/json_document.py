"""Write the `--json` document, with every text masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from provision.masking import Secrets
from provision.results import Document, Exit, SiteResult, TargetDocument, build_document

# Keys whose values are fixed words; masking must not garble one that equals a password.
UNMASKED = frozenset({"verb", "kind", "state", "action"})


def write_json(
    write: Callable[[str], object],
    verb: str,
    code: Exit,
    sites: Sequence[SiteResult],
    mask: Secrets,
) -> None:
    """Write the document with every text masked."""
    write(format_json(build_masked(verb, code, sites, mask)))


def format_json(document: Document) -> str:
    """Return the text of the document."""
    return json.dumps(document, indent=2) + "\n"


def build_masked(verb: str, code: Exit, sites: Sequence[SiteResult], mask: Secrets) -> Document:
    """Return the document with every text masked."""
    document = build_document(verb, code, sites)
    masked: Any = mask_texts(document, mask)
    for site, shown_site in zip(document["sites"], masked["sites"], strict=True):
        for target, shown_target in zip(site["targets"], shown_site["targets"], strict=True):
            if target["kind"] == "fortios":
                _show_diffs(target, shown_target)
    return cast(Document, masked)


def _show_diffs(target: TargetDocument, masked: TargetDocument) -> None:
    """Replace the masked CLI of a FortiGate by the original, which shows secrets by name."""
    masked["difference"] = target["difference"]
    for name in ("changes", "new_plan"):
        for change, shown_change in zip(target[name] or (), masked[name] or (), strict=True):
            shown_change["diff"] = change["diff"]


def mask_texts(value: object, mask: Secrets) -> object:
    """Return JSON data with every text masked, apart from fixed words."""
    if isinstance(value, str):
        return mask.mask(value)
    if isinstance(value, dict):
        return {k: v if k in UNMASKED else mask_texts(v, mask) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [mask_texts(item, mask) for item in value]
    return value
