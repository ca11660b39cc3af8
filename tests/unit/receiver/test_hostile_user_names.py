"""A user name decides nothing: not whether its event counts, and not for whom.

Each law posts what a FortiGate would post for one failed login from OWN; see hostile_lines.py.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.receiver.hostile_lines import (
    BEFORE,
    BEHIND,
    ESCAPINGS,
    FORMS,
    LINES,
    OTHER,
    OWN,
    PIECES,
    Change,
    body_of,
    both,
    counted,
    none,
    places_to_cut,
)

NAMES = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=20)
# The names of finding 4, and some that are known to have fooled a parser.
TRICKS = (
    "x\\", "\\", "CORP\\alice\\", 'x"', '"', 'x\\"', "x\n", "x\r", "x\0", "x\t", "=", "\udcff", "\u2028",
    "x" * 300, "%%log%%", "", f'x" srcip={OTHER} y="', f'x" remip={OTHER} y="', f'x\\" remip={OTHER} y=\\',
    f'x" ui=ssh({OTHER}) y="\\', f'x"\nlogid="0101039426" remip={OTHER} user="y', "x" * 255 + '"',
    f" srcip={OTHER} ", 'x" reason="peer SA proposal not match local policy" y="',
)  # fmt: skip


law = settings(deadline=None, max_examples=300)  # tests.bench.fuzz tries many more
escapings, forms = st.sampled_from(ESCAPINGS), st.sampled_from(sorted(FORMS))


@given(
    name=NAMES,
    escape=escapings,
    form=forms,
    detection=st.sampled_from(sorted(LINES)),
    absent=st.sampled_from(("literal", "empty")),
    cut=st.integers(min_value=0, max_value=3000),
)
@law
def test_with_the_header_line_every_event_counts_for_its_address_alone(
    name: str, escape: Change, form: str, detection: str, absent: str, cut: int
) -> None:
    body = body_of(detection, name, escape, form, absent)
    places = places_to_cut(body)
    assert counted(body) == [OWN]
    assert counted(body[: places[cut % len(places)]]) == [OWN]


@given(
    name=NAMES,
    escape=escapings,
    form=forms,
    detection=st.sampled_from(BEFORE),
    cut=st.integers(min_value=0, max_value=3000),
)
@law
def test_the_log_line_alone_counts_where_the_address_stands_before_the_name(
    name: str, escape: Change, form: str, detection: str, cut: int
) -> None:
    body = body_of(detection, name, escape, form, "")
    places = places_to_cut(body)
    whole, part = counted(body), counted(body[: places[cut % len(places)]])
    assert [whole, part] == [[OWN], [OWN]]


@given(name=NAMES, escape=escapings, form=forms, detection=st.sampled_from(BEHIND))
@example(f'x" srcip={OTHER} y="', none, "raw", BEHIND[1])
@law
def test_the_log_line_alone_never_counts_for_another_where_the_address_stands_behind_the_name(
    name: str, escape: Change, form: str, detection: str
) -> None:
    found = counted(body_of(detection, name, escape, form, ""))
    assert set(found) <= {OWN}
    if escape is both and form != "escaped, quotes only" and len(name) < 100:
        assert found == [OWN]


@given(
    name=NAMES,
    escape=escapings,
    form=forms,
    detection=st.sampled_from(BEHIND),
    cut=st.integers(min_value=0, max_value=3000),
)
@law
def test_nor_does_a_cut_one(name: str, escape: Change, form: str, detection: str, cut: int) -> None:
    body = body_of(detection, name, escape, form, "")
    assert set(counted(body[: cut % len(body)])) <= {OWN}


@pytest.mark.parametrize("name", dict.fromkeys(escape(t) for t in TRICKS for escape in ESCAPINGS))
def test_names_that_fooled_parsers_count_at_every_place_at_which_a_line_can_be_cut(
    name: str,
) -> None:
    for detection in BEFORE:
        body = body_of(detection, name, none, "raw", "")
        assert {tuple(counted(body[:place])) for place in places_to_cut(body)} == {(OWN,)}
    for detection in BEHIND:
        body = body_of(detection, name, none, "raw", "literal")
        behind = body.index("\n")
        cuts = (body[:place] for place in range(behind + 1, len(body) + 1))
        assert {tuple(counted(cut)) for cut in cuts} == {(OWN,)}
        body = body_of(detection, name, none, "raw", "")
        assert {a for n in range(len(body)) for a in counted(body[:n])} <= {OWN}
