"""What a ban host printed instead of an answer is searched quickly, and whatever it is gives an error."""

from __future__ import annotations

import time

import pytest

from provision.errors import TargetError
from provision.linux.session.causes import Outcome, explain, refused_password
from provision.ssh.login import Login

LOGIN = Login("bh1", "192.0.2.10", "joe", become=True, become_password="right-password")
MOST = 1 << 16

WORDS = (
    "sudo",
    "env",
    "sudoers",
    "syntax error",
    "rbash: ",
    "Unknown command",
    "//",
    "a@",
    "\n",
    " ",
)


@pytest.mark.parametrize("word", WORDS)
def test_no_text_of_a_host_takes_long_to_search(word: str) -> None:
    text = (word * MOST)[:MOST]
    began = time.process_time()
    for out, err in ((text, ""), ("", text), (text, text)):
        assert isinstance(explain(Outcome(1, (), out, err), LOGIN), TargetError)
        assert not refused_password((out, err), "0" * 32)
    assert time.process_time() - began < 3


@pytest.mark.parametrize("number", ["", ".", "1.2.3", "...................", "9" * 20])
@pytest.mark.parametrize("status", [None, 0, 1, 137])
def test_any_status_of_python_gives_an_error(number: str, status: int | None) -> None:
    said = (("ready", ""), ("python", number), ("began", ""))
    error = explain(Outcome(status, said, "", ""), LOGIN)
    assert error.remedy
