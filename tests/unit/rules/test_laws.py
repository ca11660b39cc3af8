"""Laws of the step for any events: the same again, through JSON at any point, and bounded tables."""

from __future__ import annotations

import json

import pytest
from banstitch_shared.eventlog import FAILURE, LOCKOUT, SUCCESS, Entry
from hypothesis import given
from hypothesis import strategies as st
from rules import failures, logins, standing, weights
from rules import state as tables
from rules.outcomes import Ban, Outcome
from rules.settings import DAY
from rules.state import State, read_state
from rules.step import step

from tests.unit.rules.step_model import ADMIN, NOW, SETTINGS, SSLVPN, Site

ADDRESSES = [
    *(f"203.0.{third}.{host}" for third in (1, 2) for host in (1, 2, 3, 4)),
    *(f"2001:db8:{third}:{fourth}::/64" for third in (1, 2) for fourth in (1, 2, 100, 3)),
]
STORIES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 30.0, 3600.0, DAY / 2, DAY, 8.0 * DAY]),
        st.sampled_from([SSLVPN, ADMIN, "user_auth_failed"]),
        st.sampled_from([FAILURE, FAILURE, FAILURE, SUCCESS, LOCKOUT]),
        st.sampled_from(ADDRESSES),
        st.sampled_from(
            ["", "alice", "bob", "Carol", "test", "admin", "newcomer", "nobody", "x\\"]
        ),
        st.sampled_from(["", "sslvpn_login_unknown_user"]),
    ),
    max_size=60,
)


def make_entries(events: list[tuple[float, str, str, str, str, str]]) -> list[Entry]:
    """Return events in the order of time."""
    entries, at = [], NOW
    for wait, *rest in events:
        at += wait
        entries.append(Entry(at, "fw1", *rest))
    return entries


EVENTS = STORIES.map(make_entries)


def run(state: State, events: list[Entry]) -> list[list[Outcome]]:
    """Return what follows from each event."""
    return [step(state, event, SETTINGS) for event in events]


def copy(state: State) -> State:
    """Return a state as a checkpoint gives it back."""
    return read_state(json.loads(json.dumps(state.to_json())))


@given(EVENTS)
def test_the_same_events_give_the_same(events: list[Entry]) -> None:
    first, second = State(), State()
    assert run(first, events) == run(second, events)
    assert first == second


@given(EVENTS, st.integers(0, 60))
def test_a_checkpoint_at_any_point_changes_nothing(events: list[Entry], cut: int) -> None:
    whole, state = State(), State()
    expected = run(whole, events)
    before = run(state, events[:cut])
    restored = copy(state)
    assert before + run(restored, events[cut:]) == expected
    assert json.dumps(restored.to_json()) == json.dumps(whole.to_json())


@given(EVENTS)
def test_only_the_source_its_networks_and_those_of_its_spray_are_banned(
    events: list[Entry],
) -> None:
    state, failed = State(), set[str]()
    for event in events:
        outcomes = step(state, event, SETTINGS)
        bans = [each for each in outcomes if isinstance(each, Ban)]
        if event.kind == SUCCESS:
            assert not bans
        failed.add(event.address)
        for ban in bans:
            assert ban.at == event.at
            assert ban.address == event.address
            assert ban.key in failed or ban.jail.endswith("-network")


@given(EVENTS)
def test_a_failure_of_a_source_just_trusted_is_written_to_trusted_alone(
    events: list[Entry],
) -> None:
    state = State()
    run(state, events)
    now = events[-1].at if events else NOW
    for source, login in state.trusted.items():
        if now - login < SETTINGS.trust_time:
            event = Entry(now, "fw1", SSLVPN, FAILURE, source, "nobody")
            jails = [o.jail for o in step(copy(state), event, SETTINGS) if isinstance(o, Ban)]
            assert set(jails) <= {f"banstitch-{SSLVPN}-trusted"}


def test_an_attacker_who_fills_the_tables_evicts_no_employee(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, table in (
        (standing, "MOST_SOURCES"),
        (failures, "MOST_SOURCES"),
        (failures, "MOST_NETWORKS"),
        (failures, "MOST_USERS"),
        (logins, "MOST_SOURCES"),
        (logins, "MOST_NETWORKS"),
        (logins, "MOST_USERS"),
        (weights, "MOST_USERS"),
        (weights, "MOST_OF_A_SPRAY"),
    ):
        monkeypatch.setattr(module, table, 100)
    site = Site()
    for number in range(20):
        site.log_in(f"45.1.{number}.1", f"employee{number}")
    for number in range(3000):
        site.fail(f"110.{number // 256}.{number % 256}.7", ("nobody", "employee1", "")[number % 3])
    for name in ("points", "offenders", "failures", "networks", "sprays", "attacked"):
        assert len(getattr(site.state, name)) <= 100
    assert len(site.state.sprays["users employee1"]) <= 100
    assert len(site.state.users) == 20
    assert [site.fail(f"45.1.{n}.1", "test") for n in range(20)] == [
        [f"trusted 45.1.{n}.1"] for n in range(20)
    ]


def test_a_network_remembers_a_bounded_number_of_sources() -> None:
    site = Site()
    for number in range(2000):
        site.fail(f"2001:db8:1:{number % 65536:x}::/64", "", after=1)
        for sources in site.state.networks.values():
            assert len(sources) <= tables.MOST_OF_A_NETWORK


def test_a_user_who_logs_in_everywhere_is_remembered_with_a_bounded_number_of_places() -> None:
    site = Site()
    for number in range(1000):
        site.log_in(f"45.{number % 256}.{number // 256}.1", "alice", after=DAY)
    assert len(site.state.users["users alice"]) <= tables.MOST_OF_A_USER
