"""The kinds of resources on the host: every module of this folder defines one as ``KIND``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from provision.linux.agent.kinds.kind import Kind


def _load() -> Iterator[Kind]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        kind = getattr(importlib.import_module(module.name), "KIND", None)
        if kind is not None:
            yield kind


KINDS: tuple[Kind, ...] = tuple(_load())
