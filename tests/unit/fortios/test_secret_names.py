"""In a plan for a FortiGate, secrets stand by name: what is shown never depends on their values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.desired import collect
from provision.fortios.config.desired import Desired
from provision.fortios.planning.planner import plan
from provision.fortios.record.record import Record
from tests.unit.engine.site_model import FACTORY, FW1, PLAYS, SITE
from tests.unit.fortios import fortios_model
from tests.unit.roles.sample_ca import CA

NAMES = (f"webhook:{FW1}", f"feed:{FW1}")
# What is typed into a FortiGate has no control characters and at most 128 bytes; see limits.py.
VALUES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30)


def wanted(tokens: dict[str, str], ca: str = "", ca_by_name: bool = True) -> Desired:
    (fortigate, *_) = SITE.fortigates
    return collect.fortios(SITE, fortigate, PLAYS, tokens, ca=ca, ca_by_name=ca_by_name)


def shown(found: Desired) -> list[str]:
    observed = fortios_model.look(dict(FACTORY), [each.id for each in found.objects], FW1)
    planned = plan(found, observed, Record(), key=b"key")
    assert [change.diff for change in planned.changes] == [each.shown for each in planned.blocks]
    return [each.shown for each in planned.blocks]


def sent(found: Desired) -> str:
    observed = fortios_model.look(dict(FACTORY), [each.id for each in found.objects], FW1)
    return "".join(each.text for each in plan(found, observed, Record(), key=b"key").blocks)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)))
def test_what_is_shown_is_the_same_whatever_the_secrets_are(tokens: dict[str, str]) -> None:
    assert shown(wanted(tokens, CA)) == shown(wanted({}))


@pytest.mark.parametrize("value", ["set", "banstitch_webhook", "Managed by Banstitch", "edit", "1"])
def test_a_secret_that_equals_a_word_of_the_plan_hides_nothing(value: str) -> None:
    text = "".join(shown(wanted(dict.fromkeys(NAMES, value))))
    assert 'edit "banstitch_webhook"' in text
    assert text.count("(secret ") == len(NAMES)


def test_what_is_sent_holds_the_secrets_and_what_is_shown_their_names() -> None:
    tokens = {name: f"value-of-{name}" for name in NAMES}
    found = wanted(tokens, CA)
    for name, value in tokens.items():
        assert value in sent(found)
        assert f'"(secret {name})"' in "".join(shown(found))
        assert value not in "".join(shown(found))


def test_a_ca_that_exists_is_shown_whole_and_one_that_does_not_by_name() -> None:
    assert CA.strip() in "".join(shown(wanted({}, CA, ca_by_name=False)))
    assert CA.strip() not in "".join(shown(wanted({}, CA)))
    assert CA.strip() in sent(wanted({}, CA))
