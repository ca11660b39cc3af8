"""The name of a resource: its kind, and its path or its own name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ResourceId:
    """A kind and a name; as text ``file:/etc/banstitch/tokens.json``, in requests and in the manifest."""

    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> ResourceId:
        """Return the id in ``text``."""
        kind, _, name = text.partition(":")
        return cls(kind, name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"
