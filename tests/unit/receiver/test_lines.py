"""Hostile log lines: whatever an attacker types or a wire cuts, only the event's own address is taken."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.receiver.hostile_lines import HOSTILE_REMIPS, IN_EITHER_ORDER
from tests.unit.receiver.receiver_app import Receiver, module

OWN = "45.1.2.3"
# Pieces of which an attacker builds a user name that tries to end its field and begin another.
PIECES = st.lists(
    st.sampled_from(
        ["remip=8.8.8.8", "remip=", '"', '\\"', "\\", "\\\\", " ", "\n", "\r\n", "\t", "=", "logid=",
         "0101039426", 'logid="0101039426"', "8.8.8.8", "N/A", "x", "%%log%%", "<190>", "1: ", "\0", "\u2028",
         "\x85", "ü", "'", "{", "}"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Receiver:
    return Receiver(tmp_path_factory.mktemp("receiver"), log_limit=1 << 30)


def taken(receiver: Receiver, body: str | bytes) -> set[str]:
    answer = receiver.post(body)
    assert answer.status_code in (200, 400)
    events = answer.json.get("events") or ()
    return {event["address"] for event in events if event["outcome"] == "taken"}


@pytest.mark.parametrize("remip", HOSTILE_REMIPS)
def test_a_hostile_or_unusable_address_bans_nobody(receiver: Receiver, remip: str) -> None:
    for order in IN_EITHER_ORDER:
        assert taken(receiver, order % remip) == set()


@pytest.mark.parametrize(
    ("remip", "address"),
    [
        (OWN, OWN),
        (f'"{OWN}"', OWN),
        ("2A00:0:0::1", "2a00::/64"),
        (f"::ffff:{OWN}", OWN),
        (f"::{OWN}", OWN),
        ("64:ff9b::808:808", "64:ff9b::808:808"),
        ("2002:808:808::1", "2002:808:808::/48"),
    ],
)
def test_an_address_is_written_in_its_one_spelling(
    receiver: Receiver, remip: str, address: str
) -> None:
    assert taken(receiver, f'logid="0101039426" remip={remip} user="x"') == {address}


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " ", "\n\n", "\t"])
def test_an_address_that_ends_its_line_may_have_been_cut_and_bans_nobody(
    receiver: Receiver, end: str
) -> None:
    assert receiver.post(f'logid="0101039426" user="x" remip={OWN}{end}').status_code == 400
    if end[:1] not in (" ", "\t"):  # a blank is behind the address, so the address is whole
        assert receiver.post(f'logid="0101039426" remip={OWN}{end}').status_code == 400
    assert taken(receiver, f'logid="0101039426" remip="{OWN}"{end}') == {OWN}
    whole = f'logid="0101039426" user="x" remip="{OWN}" msg="failed"{end}'
    assert taken(receiver, whole) == {OWN}


def test_a_log_id_that_ends_its_line_is_not_trusted_either(receiver: Receiver) -> None:
    assert receiver.post(f"remip={OWN} logid=0101039426").status_code == 400


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


@given(names=st.tuples(PIECES, PIECES), order=st.permutations(range(4)), again=st.booleans())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)
def test_what_an_attacker_types_into_two_fields_bans_nobody_else(
    receiver: Receiver, names: tuple[str, str], order: list[int], again: bool
) -> None:
    user, group = (f'"{escaped(name)}"' for name in names)
    fields = ['logid="0101039426"', f"remip={OWN}", f"user={user}", f"group={group}"]
    line = " ".join(fields[n] for n in order) + ' msg="SSL user failed to logged in"'
    body = escaped(line) if again else line
    assert taken(receiver, body.encode("utf-8", "surrogatepass")) == {OWN}


@given(name=PIECES, quoted=st.booleans())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)
def test_not_even_a_firewall_that_forgets_to_escape_makes_us_ban_somebody_else_alone(
    receiver: Receiver, name: str, quoted: bool
) -> None:
    """Then a body can say anything; but two addresses in one event are nobody's to choose between."""
    user = f'"{name}"' if quoted else name
    one_line = user.replace("\n", " ").replace("\r", " ")
    body = f'logid="0101039426" remip={OWN} user={one_line} group="N/A"'
    assert taken(receiver, body.encode("utf-8", "surrogatepass")) <= {OWN}


@given(name=PIECES)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)
def test_nor_does_one_that_lets_a_name_break_the_line_for_who_does_not_know_its_serial_number(
    receiver: Receiver, name: str
) -> None:
    body = f'devid="FGVM01TM26000001" logid="0101039426" remip={OWN} user="{name}" group="N/A"'
    assert taken(receiver, body.encode("utf-8", "surrogatepass")) <= {OWN}


FORGED = 'x"\nlogid="0101039426" remip=8.8.8.8 user="y'


def test_a_user_name_that_breaks_its_line_counts_for_who_typed_it_and_makes_no_other_event(
    receiver: Receiver,
) -> None:
    line = 'devid="FGVM01TM26000001" logid="0101039426" remip=9.9.9.9 user="%s" msg="failed"'
    other = line.replace("26000001", "26000002").replace("9.9.9.9", "8.8.8.8")
    assert taken(receiver, (line % FORGED).encode()) == {"9.9.9.9"}
    for second in (line.replace("9.9.9.9", "8.8.8.8"), other):
        assert taken(receiver, f"{line % 'a'}\n{second % 'b'}".encode()) == {"9.9.9.9"}


# The special-purpose registries of IANA (RFC 6890), multicast, and what is left of 240.0.0.0/4.
SPECIAL = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/8", "fc00::/7", "fe80::/10",
    "ff00::/8", "2001::/23", "2001:db8::/32", "2002:a00::/24", "2002:c0a8::/32", "3fff::/20",
    "64:ff9b::a00:0/104",
)  # fmt: skip
BESIDE = (
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
    "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
    "198.20.0.0", "198.51.99.255", "203.0.114.0", "223.255.255.255", "2001:200::", "2001:db9::",
    "2003::", "3ffe:ffff::1", "3fff:1000::",
)  # fmt: skip


def refusal(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    sources = module("sources")
    reason: str = sources.find_refusal(address, sources.read_ignored(()), False)
    return reason


@pytest.mark.parametrize("network", SPECIAL)
def test_no_address_of_a_special_network_is_taken_from_its_first_to_its_last(network: str) -> None:
    whole = ipaddress.ip_network(network)
    for address in (whole[0], whole[-1], whole[whole.num_addresses // 2]):
        assert refusal(address), address


@pytest.mark.parametrize("address", BESIDE)
def test_its_neighbours_are_as_public_as_any(address: str) -> None:
    assert refusal(ipaddress.ip_address(address)) == ""
