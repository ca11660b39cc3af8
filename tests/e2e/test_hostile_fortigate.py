"""A hostile FortiGate: whatever it says, a run ends with an error of ours, and types nothing else.

The FortiGate is the simulator with its output rewritten, reached over real SSH; the limits are small,
so that the tests are fast. The ban host stands in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provision.results import TargetResult
from tests.e2e.hostile_output import (
    ABSURD,
    ENDLESS,
    ESCAPES,
    STUBBORN,
    ask_to_accept,
    replace_objects,
    rewrite_after_login,
)
from tests.e2e.hostile_world import check_typed
from tests.e2e.memory_site import MemorySite
from tests.fortigate_bounds import set_bounds
from tests.simulator import Options, Simulator


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every limit small: a FortiGate of the lab answers at once."""
    set_bounds(
        monkeypatch,
        silence=1.5,
        lost=0.3,
        unread=0.3,
        settled=0.05,
        exchange=2.0,
        login=3.0,
        longest=1 << 19,
        line_longest=1 << 16,
        banner_longest=1 << 16,
    )


@pytest.fixture
def fortigate() -> Iterator[Simulator]:
    with Simulator(Options(enc_stable=True)) as made:
        yield made


def _run(site: MemorySite, verb: str) -> TargetResult:
    found: TargetResult = getattr(site, verb)()
    return found


def _is_ours(result: TargetResult) -> None:
    """Check that the run ended with one of our errors, which is short enough to read."""
    assert result.error
    assert "error in Banstitch" not in result.error
    assert "Traceback" not in result.error
    assert len(result.error) < 4000


@pytest.mark.parametrize(
    ("kind", "verb"),
    [
        *((kind, "plan") for kind in ENDLESS),
        *((kind, verb) for kind in ("dripping", "lines") for verb in ("apply", "teardown")),
    ],
)
def test_an_endless_answer_is_cut_off(
    fortigate: Simulator, tmp_path: Path, kind: str, verb: str
) -> None:
    site = MemorySite(tmp_path, fortigate)
    if verb == "teardown":  # of what was never there, it connects to nothing
        assert site.apply().error == ""
        fortigate.journal.clear()
    fortigate.faults.rewrite = rewrite_after_login(ENDLESS[kind])
    _is_ours(_run(site, verb))
    check_typed(fortigate, "n" if kind == "questions" else "")


@pytest.mark.parametrize("kind", STUBBORN)
def test_a_fortigate_that_never_answers_is_abandoned(
    fortigate: Simulator, tmp_path: Path, kind: str
) -> None:
    site = MemorySite(tmp_path, fortigate)
    fortigate.faults.rewrite = rewrite_after_login(STUBBORN[kind])
    _is_ours(site.plan())
    check_typed(fortigate, "n" if kind == "question" else "")


@pytest.mark.parametrize("kind", [*ENDLESS, "disclaimers"])
def test_an_endless_login_is_cut_off(fortigate: Simulator, tmp_path: Path, kind: str) -> None:
    site = MemorySite(tmp_path, fortigate)
    fortigate.faults.rewrite = ENDLESS.get(kind, ask_to_accept)
    _is_ours(site.plan())
    check_typed(fortigate, "a" if kind == "disclaimers" else "")


@pytest.mark.parametrize("verb", ["plan", "apply"])
@pytest.mark.parametrize("kind", ABSURD)
def test_absurd_text_is_an_error_of_that_fortigate(
    fortigate: Simulator, tmp_path: Path, kind: str, verb: str
) -> None:
    site = MemorySite(tmp_path, fortigate)
    fortigate.faults.rewrite = rewrite_after_login(replace_objects(ABSURD[kind]))
    _is_ours(_run(site, verb))
    check_typed(fortigate)


@pytest.mark.parametrize("field", ["Version", "Hostname", "Serial-Number", "Current HA mode"])
@pytest.mark.parametrize("value", [ESCAPES, b"x" * 40000, b" " * 40000 + b"x", b"v9" + b"9" * 6000])
def test_neither_overlong_facts_nor_escape_sequences_are_repeated(
    fortigate: Simulator, tmp_path: Path, field: str, value: bytes
) -> None:
    site = MemorySite(tmp_path, fortigate)
    named = field.encode() + b": "
    fortigate.faults.rewrite = lambda said: (
        re.sub(named + rb"[^\r]*", lambda _: named + value.replace(b"\r", b""), said),
    )
    result = site.plan()
    assert "error in Banstitch" not in result.error
    assert "x" * 100 not in repr(result)
    assert "9" * 100 not in repr(result)
    assert "\x1b" not in str(result.error)
    check_typed(fortigate)


NOISE = st.sampled_from(
    [
        *(b"\r", b"\n", b"\r\n", b"--More-- ", b"\r         \r", b"\x1b[K", ESCAPES, b"\xff"),
        *(
            b"(y/n) ",
            b"FGT-A # ",
            b"# ",
            b"> ",
            b'"',
            b"\\",
            b"config x\r\n",
            b"end\r\n",
            b"next\r\n",
        ),
        *(
            b"edit 1\r\n",
            b"set a b\r\n",
            b"Command fail. Return code -61\r\n",
            b"Unknown action 0\r\n",
        ),
    ]
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noise=st.lists(st.tuples(st.integers(0, 4000), NOISE), min_size=1, max_size=6))
def test_noise_ends_in_a_result_and_sends_nothing_unplanned(
    tmp_path: Path, noise: list[tuple[int, bytes]]
) -> None:
    with Simulator(Options(enc_stable=True)) as fortigate:
        before = fortigate.show()
        site = MemorySite(tmp_path, fortigate)
        fortigate.faults.rewrite = rewrite_after_login(lambda said: (_with(said, noise),))
        assert "error in Banstitch" not in site.plan().error
        check_typed(fortigate, "n" if any(b"(y/n)" in piece for _, piece in noise) else "")
        assert fortigate.show() == before


def _with(said: bytes, noise: list[tuple[int, bytes]]) -> bytes:
    """Return ``said`` with each piece of noise at its place, if it is long enough."""
    for place, piece in noise:
        if place < len(said):
            said = said[:place] + piece + said[place:]
    return said
