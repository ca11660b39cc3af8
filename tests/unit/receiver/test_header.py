"""The header line that FortiGates post before the log line: read word by word, and nothing is guessed."""

from __future__ import annotations

import pytest

from roles.webhook import BODY
from tests.unit.receiver.receiver_app import module

LINE = 'logid="0101039426" remip=203.0.113.9 user="x" reason="no_such_user" msg="failed"'
HEADER = (
    "banstitch logid=0100032002 devid=FG1 remip= srcip=%s ui=%s status=failed reason=bad password"
)


def header(line: str, rest: str = "\n" + LINE) -> dict[str, str]:
    found: dict[str, str] = module("lines").read_event(line + rest).header
    return found


def test_the_body_that_fortigates_are_given_has_the_fields_that_are_read_in_their_order() -> None:
    line, rest = BODY.split("\n")
    assert rest == "%%log%%"
    names = [*module("lines").HEADER, "status", "reason"]
    assert line == "banstitch " + " ".join(f"{name}=%%log.{name}%%" for name in names)
    assert len(BODY) <= 1023


def test_fields_with_a_value_are_known_and_others_are_absent() -> None:
    assert header(HEADER % ("203.0.113.9", "https(203.0.113.9)")) == {
        "logid": "0100032002",
        "devid": "FG1",
        "srcip": "203.0.113.9",
        "ui": "https(203.0.113.9)",
        "status": "failed",
        "reason": "bad password",
    }


@pytest.mark.parametrize("absent", ["", "%%log.srcip%%", '""'])
def test_a_variable_that_arrives_empty_or_as_it_was_typed_is_absent(absent: str) -> None:
    assert "srcip" not in header(HEADER % (absent, "ssh(203.0.113.9)"))


@pytest.mark.parametrize("quote", ['"', '\\"'])
def test_values_may_stand_in_quotes(quote: str) -> None:
    line = f"banstitch logid={quote}0101039426{quote} devid= remip={quote}203.0.113.9{quote} srcip="
    assert header(line + " ui= status= reason=") == {"logid": "0101039426", "remip": "203.0.113.9"}


@pytest.mark.parametrize("ui", ["GUI (203.0.113.9)", "x ssh(203.0.113.9)", "ssh(203.0.113.9) x"])
def test_a_ui_with_a_blank_in_it_names_no_address_and_hides_nothing(ui: str) -> None:
    found = header(HEADER % ("", ui))
    assert "ui" not in found
    assert (found["status"], found["reason"]) == ("failed", "bad password")


@pytest.mark.parametrize(
    ("cut", "known"),
    [
        ("banstitch logid=0101039426 devid=FG1 remip=203.0.113.9", ["logid", "devid"]),
        ("banstitch logid=0101039426 devid=FG1 remip=203.0.113.9 ", ["logid", "devid", "remip"]),
        ("banstitch logid=0101039426 devid=FG1 remip=203.0.113.9 sr", ["logid", "devid", "remip"]),
        ("banstitch logid=0101039426 remip=203.0.113.9 ", ["logid"]),
    ],
)
def test_of_a_cut_header_only_whole_values_in_their_order_are_used(
    cut: str, known: list[str]
) -> None:
    assert list(header(cut, "")) == known


def test_a_header_in_another_order_is_not_read() -> None:
    with pytest.raises(module("lines").Malformed, match="no event"):
        header("banstitch devid=FG1 logid=0101039426 ", "")


def test_a_line_that_only_looks_like_a_header_is_read_nowhere_but_at_the_beginning() -> None:
    forged = "banstitch logid=0101039426 devid=FG1 remip=8.8.8.8 srcip= ui= status= reason=\n"
    for body in (f"{LINE}\n{forged}", LINE.replace("x", f"x\n{forged}"), f"1: {forged}{LINE}"):
        assert module("lines").read_event(body).header == {}
