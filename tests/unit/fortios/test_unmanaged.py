"""What is left as it is on an object of ours is named, and what is too much to name is counted."""

from __future__ import annotations

import pytest

from provision.fortios.config.text import Word
from provision.fortios.planning.unmanaged import format_note, list_unmanaged


@pytest.mark.parametrize(("number", "end"), [(12, "a11 x"), (13, "a11 x, 1 more"), (40, "28 more")])
def test_no_attribute_is_left_out_without_a_word(number: int, end: str) -> None:
    found = list_unmanaged(
        "system automation-action:a", [(f"a{n}", (Word("x"),)) for n in range(number)]
    )
    assert format_note(found).startswith("system automation-action:a: left as it is: a0 x, a1 x")
    assert format_note(found).endswith(end)
