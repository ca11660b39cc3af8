"""Check the record that a push leaves: its form, its secrets, its owner."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provision.fortios.planning.planner import (
    object_ids_to_observe,
    plan,
)
from provision.fortios.record.record import Record
from tests.unit.fortios.fortios_model import (
    apply,
    make_desired,
    make_fortigate,
    observe,
    observe_and_plan,
)
from tests.unit.fortios.sample_cli import (
    ALL,
    KEY,
    SSL_ALL,
)


def test_the_record_has_no_readable_secret() -> None:
    made = observe_and_plan(make_desired(*ALL), {}, Record())
    for each in (made.record, made.settled):
        assert "feed-pass" not in str(each.to_json())
        assert "s3cret-token" not in str(each.to_json())


def test_the_record_keeps_its_order_in_json() -> None:
    _, record = apply(make_desired(*ALL), make_fortigate(SSL_ALL), Record())
    back = Record.from_json(json.loads(json.dumps(record.to_json(), sort_keys=True)))
    assert back == record
    assert list(back.objects) == list(record.objects)


@pytest.mark.parametrize("bad", [{}, {"serial": "x", "objects": 3, "fingerprints": {}}, []])
def test_a_damaged_record_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError):
        Record.from_json(bad)


def test_a_cluster_partner_is_recognised_and_a_new_fortigate_starts_with_an_empty_record() -> None:
    """Settings that every FortiGate has do not show whose it is."""
    held, record = apply(make_desired(*ALL), make_fortigate(SSL_ALL), Record())
    want, new = make_desired(*ALL), make_fortigate(SSL_ALL)
    partner = plan(
        want, observe(held, object_ids_to_observe(want, record), "FGT2"), record, key=KEY
    )
    assert partner.blocks == ()
    assert "FGT2" in partner.warnings[0]
    assert partner.settled.serial == "FGT2"
    fresh = plan(want, observe(new, object_ids_to_observe(want, record), "FGT3"), record, key=KEY)
    assert len(fresh.changes) == 5
    assert "new FortiGate" in fresh.warnings[0]
