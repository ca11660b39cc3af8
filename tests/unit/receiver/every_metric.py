"""A receiver that has something to report in every metric, and its metrics as values."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from tests.unit.receiver.receiver_app import LINE, Receiver

LOGIN = ("status", "s-secret")
_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? \S+")


@dataclass(frozen=True)
class Metric:
    """A metric as ``/metrics`` declares it, with the labels of its samples."""

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...]


def render_every_metric(folder: Path) -> str:
    """Return the text of ``/metrics`` in which every metric has a sample."""
    receiver = Receiver(folder, share=describe_sharing(folder))
    receiver.bans({"203.0.113.9": -1})
    # only these samples are absent where there is nothing to report
    counts = {"fw1": {"banned": {}, "refused": {str(int(time.time())): 3}}}
    (receiver.spool / "limit.json").write_text(json.dumps(counts))
    receiver.post(LINE % "203.0.113.9")
    return str(receiver.get("/metrics", auth=LOGIN).text)


def describe_sharing(folder: Path) -> dict[str, object]:
    """Return the part of the receiver's settings for a site with one peer."""
    return {
        "groups": {"north": ["bh2"]},
        "folder": str(folder),
        "denied": str(folder / "shared"),
        "never": [],
        "trusted": str(folder / "trusted"),
        "limit": 20000,
        "ban_time": 86400,
        "minimum_sites": 1,
    }


def parse_metrics(text: str) -> dict[str, Metric]:
    """Return each metric by its name."""
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
    kinds = dict(re.findall(r"^# TYPE (\S+) (.+)$", text, re.M))
    labels: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        if found := _SAMPLE.fullmatch(line):
            labels[found[1]] = tuple(re.findall(r'([a-z_]+)="', found[2] or ""))
    return {
        name: Metric(name, kinds[name], meaning, labels[name]) for name, meaning in helps.items()
    }
