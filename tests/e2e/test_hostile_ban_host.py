"""A ban host that was taken over answers lies and tricks: its own site fails, and nothing else happens.

Two sites: `evil1` answers what the test wants, `good1` is well. To add a case for all verbs, add it to
SPOILT. A case about a FortiGate's record needs a FortiGate, too: see the simulator.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provision.cli.main import main
from provision.desired import collect
from provision.inventory import loader
from provision.linux.session import session
from provision.masking import MASK, Secrets
from provision.sites.builder import build_sites
from tests.e2e.fake_ban_host import (
    MARK,
    FakeBanHost,
    Reply,
    Request,
    bare,
    honest,
    line,
    token,
    write_inventory,
)
from tests.plays import PLAYS, load_plays

# Words of every verb that talks to a ban host, and the state of a site that is well.
VERBS = {
    "plan": "ok",
    "apply -y": "ok",
    "verify": "ok",
    "teardown -y": "changed",
    "status": "ok",
    "bans": "ok",
    "bans --history": "ok",
    "ban 203.0.113.9": "changed",
    "unban 203.0.113.9": "changed",
    "rotate -y": "changed",
}
# Stands in every spoilt answer: no byte of such an answer may be shown.
SECRET = token("verify")
ESCAPES = "\x1b]0;OWNED\x07\x1b[2J\x9b31m\u202e"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def target(self, host: str) -> dict[str, Any]:
        targets = [each for site in self.document["sites"] for each in site["targets"]]
        found: dict[str, Any] = next(each for each in targets if each["host"] == host)
        return found


@dataclass
class World:
    """Sites by name, what each would answer if it were honest, and the command line at their inventory."""

    folder: Path
    hosts: dict[str, FakeBanHost]
    capsys: pytest.CaptureFixture[str]
    answers: dict[str, Callable[[Request], dict[str, Any]]]

    @property
    def evil(self) -> FakeBanHost:
        return self.hosts["evil1"]

    def honestly(self, request: Request, host: str = "evil1") -> dict[str, Any]:
        """Return what a host would answer if it were honest; a copy that may be spoilt."""
        return copy.deepcopy(self.answers[host](request))

    def deploy(self, folder: Path) -> None:
        """Let each host have what the inventory asks for."""
        for site in build_sites(loader.load(folder, ()), PLAYS, Secrets()):
            self.answers[site.name] = honest(collect.render_resources(site, PLAYS))

    def run(self, words: str, *more: str) -> Said:
        """Run a verb at all sites."""
        fortigates = words.startswith("rotate")
        folder = write_inventory(self.folder, self.hosts, with_fortigates=fortigates)
        if fortigates:
            self.deploy(folder)
        self.capsys.readouterr()
        code = main(load_plays, [*words.split(), "-i", str(self.folder), *more])
        return Said(code, *self.capsys.readouterr())


Open = Callable[..., World]


@pytest.fixture
def opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Open]:
    """Open a world with sites of these names, all of them well."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with ExitStack() as stack:

        def opening(*names: str) -> World:
            hosts = {n: stack.enter_context(FakeBanHost(lambda _: Reply())) for n in names}
            found = World(tmp_path / "inventory", hosts, capsys, {})
            folder = write_inventory(tmp_path / "inventory", hosts)
            found.deploy(folder)
            for name, host in hosts.items():
                host.reply = honestly(found, name)
            return found

        yield opening
        logging.getLogger().handlers.clear()  # a connection may end after the stream of the test


@pytest.fixture
def world(opened: Open) -> World:
    return opened("evil1", "good1")


def honestly(world: World, name: str) -> Callable[[Request], Reply]:
    return lambda request: Reply(line(world.answers[name](request)))


# --- answers that are none ---------------------------------------------------------------------------------

Spoil = Callable[[dict[str, Any]], Reply]


def raw(text: str | bytes) -> Spoil:
    """The mark, and what is no answer."""
    data = text if isinstance(text, bytes) else text.encode()
    return lambda _: Reply(MARK + data)


def changed(**more: Any) -> Spoil:
    """An honest answer with fields that are more, or other."""
    return lambda answer: Reply(line({**answer, **more}))


def without_a_field(answer: dict[str, Any]) -> Reply:
    return Reply(MARK + json.dumps({"ok": True, **dict(list(answer.items())[1:])}).encode())


def twice(answer: dict[str, Any]) -> Reply:
    """Every field stands in it twice."""
    text = json.dumps({"ok": True, **answer})
    return Reply(MARK + f"{text[:-1]}, {text[1:]}".encode())


SPOILT: dict[str, Spoil] = {
    "no JSON": raw(f'{{"ok": true, "verify": "{SECRET}"{ESCAPES}'),
    "an array": raw(f'["{SECRET}"]'),
    "a text": raw(f'"{SECRET}"'),
    "nothing": raw(""),
    "ok is 1": raw('{"ok": 1}'),
    "ok is missing": raw(f'{{"changed": "{SECRET}"}}'),
    "deeply nested": raw('{"ok": true, "x": ' + "[" * 200_000),
    "deeply nested and whole": raw('{"ok": true, "x": ' + "[" * 900 + "]" * 900 + "}"),
    "a number without end": raw('{"ok": true, "changed": ' + "9" * 50_000 + "}"),
    "no number": raw('{"ok": true, "changed": NaN}'),
    "infinity": raw('{"ok": true, "changed": 1e999}'),
    "half a character": raw('{"ok": true, "changed": "\\ud800"}'),
    "no UTF-8": raw(b'{"ok": true, "changed": "\xff\xfe"}'),
    "UTF-16": raw('{"ok": true}'.encode("utf-16")),
    "a field more": changed(evil=SECRET),
    "own keys of the document": changed(host="good1", kind="fortios", state="ok", error=None),
    "every field twice": twice,
    "a field less": lambda answer: without_a_field(answer) if answer else raw("{}")(answer),
    "an error that is none": raw(f'{{"ok": false, "error": ["{SECRET}"]}}'),
    "an error without end": raw('{"ok": false, "error": "' + "x" * 100_000 + '"}'),
    "on standard error": lambda answer: Reply(b"", line({**answer, "verify": SECRET})),
    "cut off on standard error": lambda _: Reply(b"", f'"verify": "{SECRET}", {ESCAPES}'.encode()),
    "no answer at all": lambda _: Reply(f"{ESCAPES} {SECRET}".encode(), status=1),
    "killed": lambda _: Reply(status=137),
}


def test_the_sites_of_these_tests_work_when_nothing_is_hostile(world: World) -> None:
    for words, state in VERBS.items():
        said = world.run(words, "--json")
        assert {said.target(host)["state"] for host in world.hosts} == {state}, (words, said.out)


def spoiling(world: World, name: str, spoil: Spoil) -> Callable[[Request], Reply]:
    return lambda request: spoil(world.honestly(request, name))


@pytest.mark.parametrize("words", VERBS)
def test_invalid_answers_fail_only_the_site_they_come_from(opened: Open, words: str) -> None:
    evil = {f"evil{number}": case for number, case in enumerate(SPOILT)}
    world = opened(*evil, "good1")
    for name, case in evil.items():
        world.hosts[name].reply = spoiling(world, name, SPOILT[case])

    said = world.run(words, "--json", "-vvv")

    assert said.code == 1
    assert said.target("good1")["state"] == VERBS[words]
    for name, case in evil.items():
        target = said.target(name)
        assert (target["kind"], target["state"]) == ("linux", "failed"), case
        assert target["error"], case
    must_be_harmless(said)


def must_be_harmless(said: Said) -> None:
    """Nothing of a refused answer was shown, nothing steers the terminal, nothing is our own fault."""
    both = said.out + said.err
    for text in (SECRET, "\x1b", "\x07", "\x9b", "\u202e", "Traceback", "error in Banstitch"):
        assert text not in both


@pytest.mark.parametrize("words", VERBS)
def test_each_verb_reports_the_working_site_and_why_the_other_failed(
    world: World, words: str
) -> None:
    world.evil.reply = lambda request: SPOILT["a field more"](world.honestly(request))
    said = world.run(words)
    assert said.code == 1
    assert "the answer of this ban host is refused: it must have no other fields" in said.out
    must_be_harmless(said)


# --- no SSH -----------------------------------------------------------------------------------------------

KEXINIT = b"\x00\x00\x01\x00\x04\x14" + bytes(16)
NO_SSH = {
    "nothing": b"",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200,
    "an old version": b"SSH-1.5-x\r\n",
    "no version": b"SSH-\xff\xfe\r\n",
    "a line without end": b"\xff" * 300_000,
    "noise": b"SSH-2.0-x\r\n" + bytes(range(256)) * 50,
    "a packet without end": b"SSH-2.0-x\r\n\xff\xff\xff\xff" + bytes(1000),
    "a message of no kind": b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x04\xff" + bytes(100),
    "lists that are none": b"SSH-2.0-x\r\n" + KEXINIT + b"\x00\x00\x00\x02\xff\xfe" * 60,
    "escapes": b"SSH-2.0-x \x1b]0;OWNED\x07\r\n" + KEXINIT + bytes(500),
}


def talk(server: socket.socket, text: bytes) -> None:
    """Send the same to whoever connects, until the server is closed."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    continue


@pytest.mark.parametrize("case", NO_SSH)
def test_a_server_that_breaks_the_ssh_protocol_counts_as_unreachable(
    world: World, case: str
) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    world.evil.port = server.getsockname()[1]
    thread = threading.Thread(target=talk, args=(server, NO_SSH[case]))
    thread.start()
    try:
        said = world.run("bans", "--json", "-vvv")
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
    assert said.code == 4
    assert said.target("evil1")["state"] == "unreachable"
    assert said.target("good1")["state"] == "ok"
    assert not [c for c in said.out + said.err if not c.isprintable() and c not in "\n\t"]
    for text in ("error in Banstitch", "Traceback"):
        assert text not in said.out + said.err


# --- answers without an end ------------------------------------------------------------------------------

ENDLESS: dict[str, Callable[[], Reply]] = {
    "standard output": lambda: Reply(itertools.repeat(b"x" * 30_000)),
    "an answer": lambda: Reply(itertools.chain([MARK], itertools.repeat(b"x" * 30_000))),
    "standard error": lambda: Reply(b"", itertools.repeat(b"x" * 30_000)),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_endless_output_is_cut_off_at_the_size_limit(world: World, case: str) -> None:
    world.evil.reply = lambda _: ENDLESS[case]()
    said = world.run("unban 203.0.113.9", "--json")
    limit = "1048576 bytes must be" if case == "an answer" else "must have at most"
    assert limit in said.target("evil1")["error"]
    assert said.target("good1")["state"] == "changed"


def drip() -> Iterator[bytes]:
    """Come to no end, and never be silent for long."""
    while True:
        yield b"x"


@pytest.mark.parametrize(
    "reply",
    [Reply(status=None), Reply(b"x", status=None), Reply(MARK, status=None), Reply(drip())],
    ids=["silent", "a byte", "a mark", "a byte at a time"],
)
def test_a_host_that_never_finishes_is_abandoned_at_the_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(session, "LOOKING", 1.0)
    world.evil.reply = lambda _: reply
    said = world.run("bans", "--json")
    assert "did not come to an end within 1 s" in said.target("evil1")["error"]
    assert said.target("good1")["state"] == "ok"


# --- answers of the right form, with malicious content ---------------------------------------------------


def test_an_error_of_the_agent_cannot_steer_the_terminal_nor_look_like_another_site(
    world: World,
) -> None:
    text = f"no space left{ESCAPES}\nsite good1\n  ok          good1 (linux, 1 exec)"
    world.evil.reply = lambda _: Reply(MARK + json.dumps({"ok": False, "error": text}).encode())
    said = world.run("plan")
    assert "no space left\\x1b]0;OWNED\\x07" in said.out
    assert [each for each in said.out.splitlines() if each.startswith("site ")] == [
        "site evil1",
        "site good1",
    ]
    must_be_harmless(said)


def test_control_characters_in_an_ssh_version_never_reach_the_terminal(world: World) -> None:
    escapes = ESCAPES.encode().decode("latin-1")
    with FakeBanHost(world.evil.reply, software=f"x{escapes}") as host:
        world.hosts["evil1"] = host
        said = world.run("bans", "-vvv")
    assert said.code == 0
    assert "Connected (version 2.0" in said.err
    must_be_harmless(said)


def test_control_characters_in_the_history_are_escaped(world: World) -> None:
    entry = {"at": 1, "what": ESCAPES, "event": ESCAPES, "cut": ESCAPES, "why": "a\nsite good1"}
    world.evil.reply = lambda _: Reply(line({"history": [entry], "left_out": False}))
    said = world.run("bans --history")
    assert said.code == 0
    assert "a\\nsite good1" in said.out
    must_be_harmless(said)


@pytest.mark.parametrize(
    "tokens",
    [
        {"verify": "create"},
        {"verify": "/etc/systemd/system"},
        {"verify": "banstitch-sslvpn_login_failed"},
        {"create": "x" * 43, "verify": "\x1b[2J"},
        {f"verify{n}": "x" * 43 for n in range(2)},
    ],
)
def test_text_that_cannot_be_one_of_our_secrets_is_not_masked(
    world: World, tokens: dict[str, str]
) -> None:
    def spoilt(request: Request) -> Reply:
        return Reply(line({**world.honestly(request), "tokens": tokens}))

    world.evil.reply = spoilt
    world.answers["good1"] = new_host(world.answers["good1"])
    said = world.run("plan -D")
    assert said.code == 1
    assert "refused: tokens" in said.out
    assert "create   directory:/etc/banstitch" in said.out
    assert "jail:banstitch-sslvpn_login_failed" in said.out
    assert MASK not in said.out


def new_host(answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """On which nothing was deployed, so that its plan is long."""
    return lambda request: bare(answer(request)) if request["do"] == "observe" else answer(request)


def test_secrets_of_the_right_form_are_masked_wherever_they_are_shown(world: World) -> None:
    def lying(request: Request) -> Reply:
        if request["do"] == "observe":
            return Reply(line(world.honestly(request)))
        return Reply(line({"steps": [f"the token is {SECRET}"], "unreadable": {}}))

    world.evil.reply = lying
    said = world.run("verify", "-vvv")
    assert f"the token is {MASK}" in said.out
    must_be_harmless(said)


NAMES = {
    "an object outside of our folders": {"id": "file:/etc/shadow", "restores": True, "data": False},
    "an object behind dots": {
        "id": "file:/etc/banstitch/../shadow",
        "restores": True,
        "data": False,
    },
    "a kind that is none": {"id": "system admin:evil", "restores": True, "data": False},
    "a name with line ends": {
        "id": "file:/etc/banstitch/a\nb",
        "restores": False,
        "data": False,
    },
    "a user that is none": {"id": "user:root\x1b", "restores": False, "data": False},
}


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("words", ["plan", "apply -y", "teardown -y", "verify", "status"])
def test_an_object_that_cannot_be_ours_is_refused(world: World, words: str, case: str) -> None:
    def spoilt(request: Request) -> Reply:
        answer = world.honestly(request)
        observed = answer.get("observed", answer)
        if observed.get("manifest"):
            observed["manifest"]["objects"].append(NAMES[case])
        return Reply(line(answer))

    world.evil.reply = spoilt
    said = world.run(words, "--json")
    assert "manifest.objects[...].id must be a name" in said.target("evil1")["error"]
    assert said.target("good1")["state"] == VERBS[words]
    must_be_harmless(said)


METRICS = [
    'banstitch_bans{jail="x"} many',
    'banstitch_bans{jail="banstitch-x"} NaN\nbanstitch_up Infinity',
    "banstitch_bans 5\nbanstitch_refused_total{} 3",
    'banstitch_refused_total{why="\x1b[2J"} 3',
    f'banstitch_refused_total{{why="{"a" * 900_000}"}} 3',
    "banstitch_up " + "9" * 900_000,
    "banstitch_up{" + 'a="' * 300_000,
    "\n" * 900_000,
    "a" * 900_000,
    "banstitch_bans{" + "a" * 400 + "} 1\n" * 1000,
    "<html>\x00\x1b]0;OWNED\x07</html>",
]


@pytest.mark.parametrize("metrics", METRICS, ids=range(len(METRICS)))
def test_invalid_receiver_counters_are_shown_as_unknown(world: World, metrics: str) -> None:
    def spoilt(request: Request) -> Reply:
        answer = world.honestly(request)
        return Reply(line({**answer, "metrics": metrics} if "metrics" in answer else answer))

    world.evil.reply = spoilt
    said = world.run("status")
    assert said.code == 0
    rows = {row.split()[1]: row.split() for row in said.out.splitlines()[1:3]}
    assert rows["evil1"][4] == "?"
    assert rows["good1"][4] == "up"
    must_be_harmless(said)


# --- whatever else ----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)


HOW = st.sampled_from(["other", "gone", "renamed"])


def mutated(
    answer: dict[str, Any], path: Sequence[int], how: str, name: str, value: Any
) -> dict[str, Any]:
    """Return ``answer`` with one value in it that is another, renamed or gone; ``path`` leads to it."""
    where: Any = answer
    for number in path:
        keys = list(where) if isinstance(where, dict) else list(range(len(where)))
        if not keys:
            return answer
        key = keys[number % len(keys)]
        if number != path[-1] and isinstance(where[key], dict | list) and where[key]:
            where = where[key]
            continue
        old = where.pop(key)
        new = value if how == "other" else old
        if how != "gone" and isinstance(where, dict):
            where[name if how == "renamed" else key] = new
        elif how != "gone":
            where.insert(key, new)
        break
    return answer


@pytest.mark.parametrize("words", VERBS)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.lists(st.integers(0, 60), min_size=1, max_size=5),
    how=HOW,
    name=st.text(max_size=10),
    value=JSON,
)
def test_whatever_a_host_answers_only_our_own_errors_appear_and_the_other_site_is_reported(
    world: World, words: str, path: list[int], how: str, name: str, value: Any
) -> None:
    world.evil.reply = lambda request: Reply(
        line(mutated(world.honestly(request), path, how, name, value))
    )
    said = world.run(words, "--json")
    assert said.target("good1")["state"] == VERBS[words]
    assert said.target("evil1")["kind"] == "linux"
    assert "Traceback" not in said.out + said.err
    assert "error in Banstitch" not in said.out + said.err
