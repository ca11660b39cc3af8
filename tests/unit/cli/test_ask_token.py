"""The question for a code, where the terminal does not behave; tests/e2e/test_ask_token.py has a real one."""

from __future__ import annotations

import getpass
import io
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from provision.cli import ask_token
from provision.cli.report.console import Report
from provision.errors import InputError, Unreachable
from provision.masking import Secrets
from provision.ssh.login import Login
from provision.ssh.prompts import Codes

FW1 = Login("fw1", "192.0.2.1", "admin", password="hunter2-hunter2")


@pytest.mark.parametrize("error", [EOFError(), OSError(5, "Input/output error"), ValueError("?")])
def test_a_terminal_that_goes_away_lets_the_worker_go(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(getpass, "getpass", gone)
    report = Report(Secrets(), io.StringIO(), live=False, verbose=0)
    with Codes() as codes, ThreadPoolExecutor(1) as pool:
        wanted = pool.submit(codes.ask, FW1, "Token Code:")
        while not wanted.done():
            ask_token.answer(codes, report, Secrets())
    with pytest.raises(Unreachable, match=r"fw1 .*asks for a code, and none was typed"):
        wanted.result()


def test_the_server_s_words_are_masked_and_cannot_pass_for_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda _: "123456")
    report = Report(Secrets(), io.StringIO(), live=False, verbose=0)
    with Codes() as codes, ThreadPoolExecutor(1) as pool:
        wanted = pool.submit(codes.ask, FW1, "code for hunter2-hunter2\x1b[2J")
        while not wanted.done():
            ask_token.answer(codes, report, Secrets(["hunter2-hunter2"]))
    assert wanted.result() == "123456"
    assert capsys.readouterr().err.splitlines() == [
        "fw1 (admin@192.0.2.1:22) asks for a code:",
        "    code for ********\\x1b[2J",
    ]


def test_without_a_terminal_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with (
        pytest.raises(InputError, match="--ask-token needs a terminal"),
        ask_token.open_codes(True),
    ):
        pass
    with ask_token.open_codes(False) as codes:
        assert codes is None
