"""Read samples in Prometheus' text format, as the receiver serves them."""

from __future__ import annotations

import re

# The receiver's user serves the text, so it may be anything: a line that is none of ours is passed over,
# and there is an end to them. Numbers are counts and epoch seconds.
_MOST_LINES = 50_000
_LONGEST_LINE = 500
_VALUE = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def read_samples(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Return the samples of one metric in Prometheus' text format: (labels, value)."""
    samples = []
    for line in text.splitlines()[:_MOST_LINES]:
        if line.startswith(name) and len(line) <= _LONGEST_LINE:
            before, _, value = line.rpartition(" ")
            labels = _parse_labels(before.removeprefix(name))
            if labels is not None and _VALUE.fullmatch(value):
                samples.append((labels, float(value)))
    return samples


def _parse_labels(text: str) -> dict[str, str] | None:
    """Return the labels in `{a="b",c="d"}`, an empty dict for no text, None for anything else."""
    if not text:
        return {}
    if not (text.startswith("{") and text.endswith('"}')):
        return None
    pairs = [label.partition('="') for label in text[1:-2].split('",')]
    good = all(between and key.isidentifier() for key, between, _ in pairs)
    return {key: value for key, _, value in pairs} if good else None
