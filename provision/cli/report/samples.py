"""Read samples in Prometheus' text format from the receiver."""

from __future__ import annotations

import re

# A compromised receiver can serve any text. Unknown lines are skipped; their number and length are limited.
# Values are counts and epoch seconds.
_MOST_LINES = 50_000
_LONGEST_LINE = 500
_VALUE = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def read_samples(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Return the samples of the metric ``name`` as (labels, value)."""
    samples = []
    for line in text.splitlines()[:_MOST_LINES]:
        if line.startswith(name) and len(line) <= _LONGEST_LINE:
            before, _, value = line.rpartition(" ")
            labels = _parse_labels(before.removeprefix(name))
            if labels is not None and _VALUE.fullmatch(value):
                samples.append((labels, float(value)))
    return samples


def _parse_labels(text: str) -> dict[str, str] | None:
    """Return the labels in `{a="b",c="d"}`; an empty dict for an empty text, None for anything else."""
    if not text:
        return {}
    if not (text.startswith("{") and text.endswith('"}')):
        return None
    pairs = [label.partition('="') for label in text[1:-2].split('",')]
    valid = all(separator and key.isidentifier() for key, separator, _ in pairs)
    return {key: value for key, _, value in pairs} if valid else None
