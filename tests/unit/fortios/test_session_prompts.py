"""Answers, prompts, refusals and the status of a FortiGate are recognized."""

from __future__ import annotations

import pytest

from provision.fortios.config.facts import read_facts, warn_of_unknown_version
from provision.fortios.session import prompts, refusals


def test_garbled_type_ahead_is_detected() -> None:
    text = "FGT # show a\nA\n\nFGT # how b\nUnknown action 0\n\nFGT # show c\nC\n\nFGT # "
    assert prompts.split_answers(text, "FGT #", ["show a", "show b", "show c"]) == ("A", None, "C")


STATUS = """Version: FortiGate-501E v{version},build2795,250523 (GA.M)
Serial-Number: FG5H1E0000000000
Hostname: FGT-B
Virtual domain configuration: {vdoms}
Current HA mode: {ha}
"""


@pytest.mark.parametrize(
    ("version", "vdoms", "ha", "found"),
    [
        ("7.4.8", "disable", "standalone", ((7, 4, 8), False, False)),
        ("7.0.3", "multiple", "a-p, primary", ((7, 0, 3), True, False)),
        ("6.4.15", "enable", "a-p, master", ((6, 4, 15), True, False)),
        ("8.0.0", "split-task", "a-a, secondary", ((8, 0, 0), True, True)),
        ("7.2.1", "disable", "a-p, backup", ((7, 2, 1), False, True)),
    ],
)
def test_the_status_of_each_kind_of_fortigate_is_understood(
    version: str, vdoms: str, ha: str, found: tuple[object, ...]
) -> None:
    facts = read_facts(STATUS.format(version=version, vdoms=vdoms, ha=ha))
    assert facts is not None
    assert (facts.version, facts.vdoms, facts.is_secondary) == found
    assert warn_of_unknown_version(facts) == ()


@pytest.mark.parametrize(
    "tail",
    [
        "FGT # ",
        "FGT $ ",
        "\nFGT-60E.x~ (global) # ",
        "\n\nFGT(Primary) # ",
        "\nFGT (Primary) (root) $ ",
    ],
)
def test_every_form_of_prompt_is_recognised(tail: str) -> None:
    first = prompts.find_first_prompt(tail)
    assert first == tail.strip()
    assert prompts.compile_last_prompt(first).search(f"set x\n\n{tail.strip()} ")


def test_a_demand_for_a_new_password_is_recognised() -> None:
    assert prompts.wants_new_password(
        "You are forced to change your password. Please input a new password.\nNew Password: "
    )


@pytest.mark.parametrize(
    "answer",
    [
        "command parse error before 'psu'\nCommand fail. Return code -61",
        "Command parse error before 'psu'",
        "Unknown action 0",
        "node_check_object fail! for name x\n\nvalue parse error before 'x'",
        "The entry is used by other 2 entries\nCommand fail. Return code -23",
        "object set operator error, -15 discard the setting",
        "object check operator error, -9, discard the setting",
        "attribute set operator error, -4, discard the setting",
        "token line: Unmatched double quote.",
        "string value is too long. the size is 734, the limit is 255",
        "Attribute 'server' MUST be set.",
    ],
)
def test_every_known_refusal_is_recognised(answer: str) -> None:
    assert refusals.find_refusal(answer) == " / ".join(filter(None, answer.splitlines()))


@pytest.mark.parametrize("answer", ["", "new entry 'fail2ban' added", "current vf=root:0"])
def test_other_output_is_not_mistaken_for_a_refusal(answer: str) -> None:
    assert refusals.find_refusal(answer) == ""
