"""For administrators with a token, the code is requested on the terminal, and once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.e2e.labsite import LabSite, fortigate_options
from tests.e2e.operator import Operator
from tests.simulator.tokens import Tokens

pytestmark = pytest.mark.lab

QUESTION = "Enter alone for a push: "


@pytest.fixture(scope="module")
def lab(ready_root: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    """A site whose two FortiGates ask for a code: behind the password prompt, and behind the method."""
    units = [
        fortigate_options(),
        fortigate_options(
            hostname="FGT-B",
            code_after="password",
            code_prompt="Enter token code or no code to send a notification\nto your \x1b[31mphone: ",
        ),
    ]
    folder = tmp_path_factory.mktemp("token") / "inventory"
    with LabSite(folder, ready_root, units) as site:  # type: ignore[arg-type]
        yield site


@pytest.fixture
def site(lab: LabSite) -> LabSite:
    """The site, with fresh codes."""
    for unit, codes in zip(lab.units, (("111111", "111112"), ("222221", "222222")), strict=True):
        unit.tokens = Tokens(codes, push=False)
    return lab


def tried(site: LabSite) -> list[list[str]]:
    return [unit.tokens.tried for unit in site.units]


def typed(operator: Operator, codes: dict[str, Sequence[str]]) -> None:
    """Answer questions, whichever FortiGate asks first; none of them may be shown."""
    left = {name: list(each) for name, each in codes.items()}
    while any(left.values()):
        operator.sees(" asks for a code:")
        name = operator.seen.rpartition(" (admin@")[0].rpartition("\n")[2].strip()[-4:]
        operator.sees(QUESTION)
        assert not operator.echoes
        operator.types(left[name].pop(0) + "\n")


def test_a_code_is_asked_for_once_and_serves_plan_question_and_apply(site: LabSite) -> None:
    with Operator(site.argv("apply", "--ask-token")) as operator:
        typed(operator, {"fgt1": ["111111"], "fgt2": ["222221"]})
        operator.sees("apply?")
        assert tried(site) == [["111111"], ["222221"]]
        operator.types("y\n")
        assert operator.ends() == 0
    assert tried(site) == [["111111"], ["222221"]]
    assert "111111" not in operator.seen
    assert "222221" not in operator.seen
    assert all(unit.journal.changing() for unit in site.units)
    assert "\x1b[31mphone" not in operator.seen
    assert "notification to your \\x1b[31mphone:" in operator.seen

    with Operator(site.argv("verify", "--ask-token", "--json", "-l", "bh1,fgt1")) as operator:
        typed(operator, {"fgt1": ["111112"]})
        assert operator.ends() == 0


def test_a_wrong_code_is_an_error_and_is_not_tried_again(site: LabSite) -> None:
    with Operator(site.argv("plan", "--ask-token")) as operator:
        typed(operator, {"fgt1": ["999999"], "fgt2": ["999999"]})
        assert operator.ends() == 4
    assert tried(site) == [["999999"], ["999999"]]
    report = operator.seen.rpartition("site bh1")[2]
    assert report.count("code refused for admin") == 2


def test_enter_alone_starts_a_push(site: LabSite) -> None:
    for unit in site.units:
        unit.tokens = Tokens((), push=True)
    with Operator(site.argv("plan", "--ask-token")) as operator:
        typed(operator, {"fgt1": [""], "fgt2": [""]})
        assert operator.ends() in (0, 2)
    assert tried(site) == [[""], [""]]


def test_ctrl_c_at_a_question_ends_the_run(site: LabSite) -> None:
    with Operator(site.argv("apply", "--ask-token")) as operator:
        operator.sees(QUESTION)
        operator.types("\x03")
        assert operator.ends() == 130
        assert operator.echoes
    assert tried(site) == [[], []]
    assert "Traceback" not in operator.seen


def test_without_a_terminal_or_the_option_the_error_names_both(site: LabSite) -> None:
    without_terminal = site.run("plan", "--ask-token")
    assert without_terminal.code == 3
    assert "--ask-token needs a terminal" in without_terminal.err

    without_flag = site.run("plan")
    assert without_flag.code == 4
    assert without_flag.out.count("run with --ask-token on a terminal") == 2
    assert "FortiToken Code:" in without_flag.out
    assert "\x1b" not in without_flag.out
    assert tried(site) == [[], []]
