"""A hostile FortiGate: whatever it says, a run ends with an error of ours, and types nothing else.

The FortiGate is the simulator with its output rewritten, reached over real SSH; the limits are small,
so that the tests are fast. The ban host stands in memory.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provision.results import TargetResult
from tests.e2e.hostile_world import Rewrite, check_typed
from tests.e2e.memory_site import MemorySite
from tests.fortigate_bounds import set_bounds
from tests.simulator import Options, Simulator

# what no text of ours may hold, and what a terminal would act upon
ESCAPES = b"\x1b]0;OWNED\x07\x1b[2J\xc2\x9b1m\xe2\x80\xae\xe2\x80\x8b\x00\xff\xfe\rforged"


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


def after_login(rewrite: Rewrite) -> Rewrite:
    """Let the first prompt through."""
    started: list[bool] = []

    def then(said: bytes) -> Iterable[bytes]:
        if not started:
            started.append(True)
            return (said,)
        return rewrite(said)

    return then


def _drip(_: bytes) -> Iterator[bytes]:
    while True:
        time.sleep(0.02)  # it is the FortiGate that is slow, nobody waits for luck
        yield b"x"


def _ask_to_accept(_: bytes) -> Iterator[bytes]:
    return repeat(b"\r\n(Press 'a' to accept):")


ENDLESS: dict[str, Rewrite] = {
    "dripping": _drip,
    "lines": lambda _: repeat(b"    set comment x\r\n" * 100),
    "one line": lambda _: repeat(b"x" * 1000),
    "prompts": lambda said: repeat(said[-12:] + b"\r\n"),
    "redrawing": lambda _: repeat(b"a\r" * 500),
    "escapes": lambda _: repeat(ESCAPES * 20 + b"\r\n"),
    "pager": lambda _: repeat(b"--More-- \r         \r"),
    "questions": lambda _: repeat(b"Do you want to continue? (y/n) "),
    "zeros": lambda _: repeat(b"\0" * 1000),
}
# the same words whenever something is typed, and nothing more until then
STUBBORN: dict[str, Rewrite] = {
    "silent": lambda _: (),
    "pager": lambda _: (b"--More-- ",),
    "question": lambda _: (b"Do you want to continue? (y/n) ",),
    "quote": lambda _: (b"\r\n> ",),
    "another prompt": lambda _: (b"\r\nelse # ",),
    "brackets": lambda said: (said.replace(b" #", b" " + b"(x)" * 2000 + b"!"),),
}


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
    fortigate.faults.rewrite = after_login(ENDLESS[kind])
    _is_ours(_run(site, verb))
    check_typed(fortigate, "n" if kind == "questions" else "")


@pytest.mark.parametrize("kind", STUBBORN)
def test_a_fortigate_that_never_answers_is_abandoned(
    fortigate: Simulator, tmp_path: Path, kind: str
) -> None:
    site = MemorySite(tmp_path, fortigate)
    fortigate.faults.rewrite = after_login(STUBBORN[kind])
    _is_ours(site.plan())
    check_typed(fortigate, "n" if kind == "question" else "")


@pytest.mark.parametrize("kind", [*ENDLESS, "disclaimers"])
def test_an_endless_login_is_cut_off(fortigate: Simulator, tmp_path: Path, kind: str) -> None:
    site = MemorySite(tmp_path, fortigate)
    fortigate.faults.rewrite = ENDLESS.get(kind, _ask_to_accept)
    _is_ours(site.plan())
    check_typed(fortigate, "a" if kind == "disclaimers" else "")


def inside(text: bytes) -> Rewrite:
    """Put ``text`` in place of what `show` says of an object, prompt and echo being left alone."""
    return lambda said: (re.sub(rb"(?s)config [^\r]*\r\n.*?\r\nend\r\n", lambda _: text, said),)


ABSURD = {
    "deep": b"config a\r\nedit 1\r\n" * 2_000,
    "deeper than Python": b"config a b\r\n" * 2_0000,
    "never closed": b"config vpn ssl settings\r\n",
    "open quote": b'config vpn ssl settings\r\nset a "b\r\nend\r\n',
    "another table": b'config system admin\r\nedit "x"\r\nset a b\r\nnext\r\nend\r\n',
    "escapes": b"config " + ESCAPES + b"\r\nend\r\n",
    "odd key": b'config firewall policy\r\nedit "1\x01"\r\nnext\r\nend\r\n',
    "key of two lines": b'config firewall policy\r\nedit "1\r\nexecute reboot"\r\nnext\r\nend\r\n',
    "no configuration": b"hello " * 1000 + b"\r\n",
    "one long word": b"y" * 60000 + b"\r\n",
    "a refusal without an end": b"Command fail. Return code -1 " + b"x" * 60000 + b"\r\n",
}


@pytest.mark.parametrize("verb", ["plan", "apply"])
@pytest.mark.parametrize("kind", ABSURD)
def test_absurd_text_is_an_error_of_that_fortigate(
    fortigate: Simulator, tmp_path: Path, kind: str, verb: str
) -> None:
    site = MemorySite(tmp_path, fortigate)
    fortigate.faults.rewrite = after_login(inside(ABSURD[kind]))
    _is_ours(_run(site, verb))
    check_typed(fortigate)


@pytest.mark.parametrize("field", ["Version", "Hostname", "Serial-Number", "Current HA mode"])
@pytest.mark.parametrize("value", [ESCAPES, b"x" * 40000, b" " * 40000 + b"x", b"v9" + b"9" * 6000])
def test_unusual_facts_are_escaped_or_rejected(
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
        fortigate.faults.rewrite = after_login(lambda said: (_with(said, noise),))
        assert "error in Banstitch" not in site.plan().error
        check_typed(fortigate, "n" if any(b"(y/n)" in piece for _, piece in noise) else "")
        assert fortigate.show() == before


def _with(said: bytes, noise: list[tuple[int, bytes]]) -> bytes:
    """Return ``said`` with each piece of noise at its place, if it is long enough."""
    for place, piece in noise:
        if place < len(said):
            said = said[:place] + piece + said[place:]
    return said
