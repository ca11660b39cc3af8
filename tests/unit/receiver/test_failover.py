"""A cluster fails over: the other member posts and polls, with its own serial number and address."""

from __future__ import annotations

import pytest

from tests.unit.receiver.receiver_app import Receiver

HEADER = (
    "banstitch logid=0101039426 devid=%s remip=203.0.113.10 srcip= ui= status= reason=no_such_user\n"
    'devname="%s" devid="%s" logid="0101039426" remip=203.0.113.10 user="x"'
)


@pytest.mark.parametrize(("name", "serial"), [("FGT-A", "FG1"), ("FGT-B", "FG2")])
def test_events_of_each_member_count_for_the_fortigate_of_the_inventory(
    receiver: Receiver, name: str, serial: str
) -> None:
    assert receiver.post(HEADER % (serial, name, serial)).status_code == 200
    (entry,) = receiver.entries()
    assert entry.fortigate == "fw1"


def test_polls_of_each_member_count_for_the_fortigate_of_the_inventory(receiver: Receiver) -> None:
    assert receiver.feed().status_code == 200
    other = receiver.client.get(
        "/blocked-ips", auth=("fw1", "f1-secret"), environ_overrides={"REMOTE_ADDR": "192.0.2.2"}
    )
    assert other.status_code == 200
    text = receiver.get("/metrics", auth=("status", "s-secret")).text
    assert 'banstitch_polls_total{fortigate="fw1"} 2' in text
