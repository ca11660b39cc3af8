"""Unmanaged attributes of our objects are reported by name, or counted if there are too many."""

from __future__ import annotations

import pytest

from provision.fortios.config.text import Word
from provision.fortios.planning.unmanaged import format_note, list_unmanaged


@pytest.mark.parametrize(("number", "end"), [(12, "a11 x"), (13, "a11 x, 1 more"), (40, "28 more")])
def test_attributes_beyond_the_limit_are_counted(number: int, end: str) -> None:
    found = list_unmanaged(
        "system automation-action:a", [(f"a{n}", (Word("x"),)) for n in range(number)]
    )
    assert format_note(found).startswith("system automation-action:a: left as it is: a0 x, a1 x")
    assert format_note(found).endswith(end)
