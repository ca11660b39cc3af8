"""`--executor`, `--processes` and `--scheduler`: what goes together, and what an operator is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.command_line import Cli

DASK = ["--executor", "dask", "--scheduler", "tls://127.0.0.1:1"]


@pytest.mark.parametrize("verb", ["plan", "apply", "verify", "teardown"])
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--executor", "dask"], "--executor dask needs --scheduler tls://HOST:PORT"),
        (
            ["--executor", "dask", "--scheduler", "tcp://127.0.0.1:1"],
            "--scheduler tcp://127.0.0.1:1 must begin with tls://",
        ),
        ([*DASK, "--processes", "2"], "--processes must not be used with --executor dask"),
        (["--executor", "threads", "--processes", "2"], "must not be used with --executor threads"),
        (["--scheduler", "tls://127.0.0.1:1"], "need --executor dask"),
        (["--processes", "2", "--tls-ca", "ca.pem"], "need --executor dask"),
        (
            ["--processes", "2", "--ask-vault-pass"],
            "a vault password cannot be typed with --executor processes",
        ),
        ([*DASK, "--vault-id", "lab@prompt"], "cannot be typed with --executor dask"),
        ([*DASK, "--accept-new-host-keys"], "--accept-new-host-keys does not work with"),
        ([*DASK], "--executor dask needs --tls-ca"),
        ([*DASK, "--tls-ca", "/nonexistent/ca.pem"], "--tls-ca /nonexistent/ca.pem is not a file"),
    ],
)
def test_options_that_do_not_go_together_contact_nobody(
    cli: Cli, verb: str, words: list[str], error: str
) -> None:
    said = cli(verb, *words)
    assert (said.code, said.out) == (3, "")
    assert error in said.err


def test_a_vault_password_that_the_environment_has_typed_is_no_good_either(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_IDENTITY_LIST", "lab@prompt")
    assert "cannot be typed" in cli("plan", "--processes", "2").err


def test_a_scheduler_that_is_not_there_is_one_line(cli: Cli, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("no certificate")
    said = cli("plan", *DASK, "--tls-ca", str(ca), "--tls-cert", str(ca))
    assert said.code == 3
    (line,) = said.err.splitlines()
    assert line.startswith("the scheduler tls://127.0.0.1:1 cannot be reached: ")
