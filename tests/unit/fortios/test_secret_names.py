"""A plan for a FortiGate has the names of secrets: what is shown never depends on their values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.desired import collect
from provision.fortios.config.desired import Desired
from provision.fortios.planning.planner import plan
from provision.fortios.record.record import Record
from tests.plays import PLAYS
from tests.unit.engine.site_model import FACTORY, FW1, SITE
from tests.unit.fortios import fortios_model
from tests.unit.roles.sample_ca import CA

NAMES = (f"webhook:{FW1}", f"feed:{FW1}")
# What is typed into a FortiGate has no control characters and at most 128 bytes; see limits.py.
VALUES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30)


def wanted(tokens: dict[str, str], ca: str = "", ca_by_name: bool = True) -> Desired:
    (fortigate, *_) = SITE.fortigates
    return collect.render_desired(SITE, fortigate, PLAYS, tokens, ca=ca, ca_by_name=ca_by_name)


def shown(found: Desired) -> list[str]:
    observed = fortios_model.observe(dict(FACTORY), [each.id for each in found.objects], FW1)
    planned = plan(found, observed, Record(), key=b"key")
    assert [change.diff for change in planned.changes] == [each.shown for each in planned.blocks]
    return [each.shown for each in planned.blocks]


def sent(found: Desired) -> str:
    observed = fortios_model.observe(dict(FACTORY), [each.id for each in found.objects], FW1)
    return "".join(each.text for each in plan(found, observed, Record(), key=b"key").blocks)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)))
def test_the_shown_plan_is_the_same_for_all_secrets(tokens: dict[str, str]) -> None:
    assert shown(wanted(tokens, CA)) == shown(wanted({}))


@pytest.mark.parametrize("value", ["set", "banstitch_webhook", "Managed by Banstitch", "edit", "1"])
def test_a_secret_that_equals_a_word_of_the_plan_hides_nothing(value: str) -> None:
    text = "".join(shown(wanted(dict.fromkeys(NAMES, value))))
    assert 'edit "banstitch_webhook"' in text
    assert text.count("(secret ") == len(NAMES)


def test_the_sent_text_has_the_secrets_and_the_shown_text_their_names() -> None:
    tokens = {name: f"value-of-{name}" for name in NAMES}
    found = wanted(tokens, CA)
    for name, value in tokens.items():
        assert value in sent(found)
        assert f'"(secret {name})"' in "".join(shown(found))
        assert value not in "".join(shown(found))


def test_an_existing_ca_is_shown_completely_and_a_future_one_by_name() -> None:
    assert CA.strip() in "".join(shown(wanted({}, CA, ca_by_name=False)))
    assert CA.strip() not in "".join(shown(wanted({}, CA)))
    assert CA.strip() in sent(wanted({}, CA))
