"""Find the settings of a FortiGate that roles ask for, to review them or to decide what is desired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from provision.desired.context import Context, OwnSettingsHook, ReviewHook
from provision.fortios.config.object_id import ObjectId
from provision.fortios.config.observed import Observed
from provision.fortios.config.tables import find_table
from provision.fortios.config.text import Tree
from provision.sites.site import FORTIGATES, Play, list_roles


def list_ids_to_review(context: Context, plays: Sequence[Play], vdom: str) -> Iterator[ObjectId]:
    """Yield the ids of what the roles review; with VDOMs, those of ``vdom`` and the global ones."""
    for role in list_roles(plays, FORTIGATES):
        if isinstance(role, ReviewHook):
            yield from (_place(path, vdom) for path in role.list_settings_to_read(context))


def list_own_settings(context: Context, plays: Sequence[Play], vdom: str) -> Iterator[ObjectId]:
    """Yield the ids of the settings on which blocks of the roles depend, in the same scopes."""
    for role in list_roles(plays, FORTIGATES):
        if isinstance(role, OwnSettingsHook):
            yield from (_place(path, vdom) for path in role.list_own_settings(context))


def _place(path: str, vdom: str) -> ObjectId:
    one = ObjectId.parse(path)
    scope = "global" if find_table(one.table).scope == "global" else vdom
    return one._replace(scope=scope if vdom else "")


def find_bodies(ids: Iterable[ObjectId], observed: Observed) -> dict[str, Tree]:
    """Return the bodies that a FortiGate showed for ``ids``, by path; without those that it does not have."""
    bodies = {one: observed.objects.get(str(one)) for one in ids}
    return {str(one._replace(scope="")): body for one, body in bodies.items() if body is not None}
