"""Between the question and the answer everything may change: what was shown is sent, or nothing is.

FortiGates are simulated ones, reached over SSH. The ban host is one in memory where what it remembers is at
stake, and a real Debian where the question is asked on a terminal.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest

from provision.fortios.config.text import list_lines, parse
from provision.plan import SitePlan, Verb
from provision.results import TargetResult
from tests.e2e.every_fortios import start_simulator
from tests.e2e.labsite import LabSite, Ran
from tests.e2e.memory_site import TOKENS, MemorySite
from tests.simulator import Simulator

pytestmark = pytest.mark.usefixtures("settled_at_once")

POLICY = {
    "enforcement": ["policy"],
    "enforcement_policy_source_interfaces": ["port1"],
    "enforcement_policy_destination_interfaces": ["any"],
}
DENY = "config vpn ssl settings\nset source-address {}\nset source-address-negate enable\nend\n"
LIST = "config firewall address\nedit {0}\nset subnet 45.0.0.0/24\nnext\nend\n"
# What may be typed beside the lines of a plan: a transaction, and the way into a VDOM.
CONTROL = {
    "execute config-transaction start 2",
    "execute config-transaction commit",
    "config global",
    "config vdom",
    'edit "edge"',
    "edit edge",
    "end",
}


def deny(unit: Simulator, name: str) -> None:
    """Another administrator denies a list of addresses."""
    unit.run(LIST.format(name) + DENY.format(name))


def typed(unit: Simulator, since: int = 0) -> list[str]:
    """The lines that could change a unit, without the blanks that answered a pager before them."""
    return [line.text.lstrip(" ") for line in unit.journal.changing()][since:]


def shown_lines(plan: SitePlan) -> set[str]:
    """Every line of the blocks of a plan, with the secrets that their names stand for."""
    steps = [json.loads(step) for target in plan.targets for step in target.steps]
    found = {line for step in steps for line in list_lines(parse(step["cli"]))}
    for name, secret in TOKENS.items():
        found = {line.replace(f"(secret {name})", secret) for line in found}
    return found


def apply_after(
    site: MemorySite, verb: Verb, meddle: Callable[[], object]
) -> tuple[SitePlan, TargetResult, list[str]]:
    """What an operator is shown, and what comes of a yes to it, and is typed, if ``meddle`` comes first."""
    job = site.job(verb)
    shown = site.look(job)
    meddle()
    before = len(typed(site.fortigate))
    result = site.carry_out(job, shown)
    return shown, result, typed(site.fortigate, before)


def refused_after(
    site: MemorySite, verb: Verb, meddle: Callable[[], object], difference: str
) -> tuple[SitePlan, TargetResult]:
    """The same, where nothing may be sent and the difference has to be seen."""
    shown, result, lines_typed = apply_after(site, verb, meddle)
    assert result.state == "failed"
    assert "fgt1 changed after its plan was made; nothing was sent" in result.error
    assert result.changes == ()
    assert difference in result.difference
    assert lines_typed == []
    return shown, result


# --- a FortiGate that somebody else changes ------------------------------------------------------


@pytest.mark.parametrize("vdoms", [(), ("edge",)])
@pytest.mark.parametrize("variables", [{"enforcement": ["ssl_vpn"]}, POLICY], ids=["ssl", "policy"])
def test_nothing_is_typed_that_is_not_in_the_plan(
    tmp_path: Path, vdoms: tuple[str, ...], variables: dict[str, Any]
) -> None:
    more = {"enforcement_vdom": vdoms[0]} if vdoms else {}
    with start_simulator("7.4.8", vdoms) as unit:
        site = MemorySite(tmp_path, unit, **variables, **more)
        for verb in ("apply", "teardown"):
            shown, result, lines_typed = apply_after(site, verb, lambda: None)
            assert result.error == ""
            assert lines_typed
            assert set(lines_typed) <= shown_lines(shown) | CONTROL


def test_a_list_that_another_administrator_denies_meanwhile_is_not_sent_unseen(
    tmp_path: Path,
) -> None:
    """The changes keep their ids and actions; only the text of one differs."""
    with start_simulator("7.4.8", ()) as unit:
        site = MemorySite(tmp_path, unit, enforcement=["ssl_vpn"])
        deny(unit, "theirs")
        meddle = partial(deny, unit, "theirs2")
        shown, result = refused_after(site, "apply", meddle, '"theirs2"')
        now = result.new_plan or ()
        assert [(c.id, c.action) for c in now] == [
            (c.id, c.action) for c in shown.targets[-1].changes
        ]
        assert site.apply().state == "changed"


def test_a_policy_that_another_administrator_puts_first_meanwhile_is_shown_first(
    tmp_path: Path,
) -> None:
    with start_simulator("7.4.8", ()) as unit:
        site = MemorySite(tmp_path, unit, **POLICY)
        more = "config firewall policy\nclone 1 to 77\nmove 77 before 1\nend\n"
        refused_after(site, "apply", lambda: unit.run(more), "before 77")


# --- a ban host that remembers something else by then --------------------------------------------


def settings_record(site: MemorySite) -> list[Any]:
    pairs: list[list[Any]] = site.records["fgt1"]["objects"]
    return next(pair for pair in pairs if pair[0] == "vpn ssl settings")


def test_a_record_that_changes_after_the_question_has_nothing_typed(tmp_path: Path) -> None:
    """What is restored comes from the ban host, and it sends the record anew with each lease."""
    with start_simulator("7.4.8", ()) as unit:
        site = MemorySite(tmp_path, unit, enforcement=["ssl_vpn"])
        assert site.apply().error == ""

        def forge() -> None:
            before = 'config vpn ssl settings\nset source-address "all"\nend\n'
            settings_record(site)[1] = before

        refused_after(site, "teardown", forge, '"all"')


def test_a_record_that_loses_an_object_after_the_question_has_nothing_typed(tmp_path: Path) -> None:
    with start_simulator("7.4.8", ()) as unit:
        site = MemorySite(tmp_path, unit, enforcement=["ssl_vpn"])
        assert site.apply().error == ""
        objects = site.records["fgt1"]["objects"]
        refused_after(site, "teardown", objects.pop, "-delete ")


# --- the question on a terminal ------------------------------------------------------------------


class Question:
    """`site.py VERB` on a terminal: everything is shown, and it waits for an answer."""

    def __init__(self, site: LabSite, out: IO[bytes], *arguments: str) -> None:
        self._keyboard, terminal = pty.openpty()
        self._out = out  # a pipe would be full before anything is asked
        self._process = subprocess.Popen(
            site.argv(*arguments),
            stdin=terminal,
            stdout=self._out,
            stderr=subprocess.PIPE,
            env=dict(os.environ, COLUMNS="200"),
        )
        os.close(terminal)
        assert self._process.stderr is not None
        self._asked = b""
        while not self._asked.endswith(b"[y/N]: "):
            piece = os.read(self._process.stderr.fileno(), 1)
            assert piece, f"nothing was asked: {self._asked!r} {self._said()}"
            self._asked += piece

    def _said(self) -> str:
        self._out.seek(0)
        return self._out.read().decode()

    def answer(self, word: str) -> Ran:
        """What the program says to an answer, to its end."""
        os.write(self._keyboard, word.encode() + b"\n")
        _, err = self._process.communicate(timeout=300)
        return Ran(self._process.returncode, self._said(), (self._asked + err).decode())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        os.close(self._keyboard)


@contextmanager
def asked(site: LabSite, *arguments: str) -> Iterator[Question]:
    with tempfile.TemporaryFile() as out:
        question = Question(site, out, *arguments)
        try:
            yield question
        finally:
            question.close()


FILTER = "/etc/fail2ban/filter.d/banstitch.conf"
JAIL = "/etc/fail2ban/jail.d/banstitch.conf"


@pytest.mark.lab
def test_a_yes_sends_what_was_shown_and_nothing_else_if_something_moved_meanwhile(
    site: LabSite,
) -> None:
    unit = site.units[0]

    with asked(site, "apply") as question:
        assert question.answer("n").code == 0
    assert typed(unit) == []

    with asked(site, "apply") as question:
        site.host.write(FILTER, "theirs\n")
        refused = question.answer("y")
    assert refused.code == 1
    assert f"not ours, and in the way: {FILTER}" in refused.out
    assert site.host.read(FILTER) == "theirs\n"
    assert site.host.console(["test", "-e", "/var/lib/banstitch"]).returncode == 1
    assert typed(unit) == []

    with asked(site, "apply", "--adopt") as question:
        assert question.answer("y").code == 0

    site.host.console(f"sed -i s/maxretry/#maxretry/ {JAIL}", check=True)
    with asked(site, "apply") as question:
        site.host.console(f"echo '# edited' >> {JAIL}", check=True)
        refused = question.answer("y")
    assert refused.code == 1
    assert "bh1 changed after its plan was made; nothing was changed" in refused.out
    assert "+    -# edited" in refused.out
    assert site.host.read(JAIL).endswith("# edited\n")
    assert site.run("apply", "-y").code == 0

    before = len(typed(unit))
    with asked(site, "teardown", "--json") as question:
        unit.run(
            "config firewall address\nedit x\nset subnet 45.0.0.0/24\nnext\nend\n"
            + DENY.format("x")
        )
        refused = question.answer("y")
    assert refused.code == 1
    fortigate, host = refused.target("fgt1"), refused.target("bh1")
    assert (fortigate["state"], fortigate["changes"]) == ("failed", [])
    assert fortigate["new_plan"]
    assert fortigate["difference"]
    assert host["state"] == "skipped"
    assert len(typed(unit)) == before
    assert site.run("verify").code == 2
    assert site.run("teardown", "-y").code == 0
    assert site.host.read(FILTER) == "theirs\n"
