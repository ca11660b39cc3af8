"""`--report` writes what a pipeline keeps, however the run ends."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from provision.engine import site
from provision.plan import Change, SitePlan, TargetPlan
from provision.results import SiteResult, TargetResult
from tests.unit.cli.command_line import PASSWORD, Cli, Said, Terminal
from tests.unit.cli.junit_schema import list_outcomes, read_junit

Run = Callable[..., Said]


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Run:
    """Return the command line with three reports."""
    reports = [f"--report={form}:{tmp_path}/{form}" for form in ("junit", "markdown", "json")]
    return lambda *arguments: cli(*arguments, *reports)


def plan(*targets: TargetPlan) -> SitePlan:
    return SitePlan("bh1", "plan", targets)


def read_sites(folder: Path) -> dict[str, str]:
    document = json.loads((folder / "json").read_text())
    return {x["host"]: x["state"] for site in document["sites"] for x in site["targets"]}


def test_each_report_has_the_results(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = Change("file:/etc/x", "update", f"+{PASSWORD}", f"because of {PASSWORD}")
    target = TargetPlan("bh1", "linux", "differs", (change,), error=PASSWORD)
    monkeypatch.setattr(site, "plan_site", lambda *_: plan(target, TargetPlan("fw1", "fortios")))
    assert run("plan").code == 2
    root = read_junit((tmp_path / "junit").read_text())
    assert list_outcomes(root) == {"bh1": "failure", "fw1": "passed"}
    assert "`bh1`" in (tmp_path / "markdown").read_text()
    assert read_sites(tmp_path) == {"bh1": "differs", "fw1": "ok"}
    for form in ("junit", "markdown", "json"):
        assert PASSWORD not in (tmp_path / form).read_text()


def test_the_json_report_is_the_json_document(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "plan_site", lambda *_: plan(TargetPlan("bh1", "linux")))
    assert run("plan", "--json").out == (tmp_path / "json").read_text()


@pytest.mark.parametrize("verb", ["bans", "status", "check", "unban 203.0.113.9"])
def test_other_verbs_report_too(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    well = SiteResult("bh1", (TargetResult("bh1", "linux", "ok", details={"bans": []}),))
    monkeypatch.setattr("provision.engine.requests.ask", lambda *_: well)
    monkeypatch.setattr("provision.cli.report.status.collect_status", lambda *_: well)
    assert run(*verb.split()).code == 0
    root = read_junit((tmp_path / "junit").read_text())
    assert list_outcomes(root) == {"bh1": "passed"}


def test_what_was_declined_is_reported_as_planned(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = TargetPlan("bh1", "linux", "differs", (Change("file:/x", "update"),))
    monkeypatch.setattr(site, "plan_site", lambda *_: SitePlan("bh1", "apply", (target,)))
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert run("apply").code == 0
    assert read_sites(tmp_path) == {"bh1": "differs"}


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError(f"broken by {PASSWORD}"), 1, "error in Banstitch: RuntimeError: broken by"),
    ],
)
def test_a_run_that_ends_early_is_reported(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    words: str,
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr("provision.cli.deploy.create_job", fail)
    assert run("plan").code == code
    root = read_junit((tmp_path / "junit").read_text())
    assert list_outcomes(root) == {"plan": "error"}
    assert json.loads((tmp_path / "json").read_text())["exit_code"] == code
    for form in ("junit", "markdown"):
        assert words in (tmp_path / form).read_text()
        assert PASSWORD not in (tmp_path / form).read_text()


def test_what_was_finished_before_an_interrupt_is_reported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> SitePlan:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return SitePlan("bh1", "plan", (TargetPlan("bh1", "linux", "differs"),))

    monkeypatch.setattr(site, "plan_site", interrupt)
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert run("plan").code == 130
    finally:
        signal.signal(signal.SIGINT, inherited)
    assert list_outcomes(read_junit((tmp_path / "junit").read_text())) == {
        "bh1": "failure",
        "plan": "error",
    }


def test_an_error_in_the_inventory_is_reported(cli: Cli, run: Run, tmp_path: Path) -> None:
    (cli.folder / "group_vars").mkdir()
    (cli.folder / "group_vars/all.yml").write_text("receiver_portt: 1\n")
    assert run("check").code == 3
    root = read_junit((tmp_path / "junit").read_text())
    assert list_outcomes(root) == {"check": "error"}
    assert "receiver_portt" in (tmp_path / "markdown").read_text()


@pytest.mark.parametrize(
    ("reports", "words"),
    [
        (["junit:/nonexistent/x.xml"], "/nonexistent/x.xml cannot be written: No such file"),
        (["xml:x"], "must be junit:PATH, markdown:PATH or json:PATH (got xml:x)"),
        (["junit:"], "must be junit:PATH"),
        (["junit:/dev/null", "json:/dev/null"], "/dev/null must be a file that no other option"),
    ],
)
def test_a_report_that_cannot_be_written_is_an_error_before_anything_is_contacted(
    cli: Cli, reports: list[str], words: str
) -> None:
    said = cli("plan", *(f"--report={report}" for report in reports))
    assert (said.code, said.out) == (3, "")
    assert words in said.err


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "--out", "FILE"],
        ["apply", "FILE"],
        ["apply", "--resume", "FILE"],
        ["apply", "--retry-failed", "FILE"],
        ["merge", "FILE"],
        ["show", "FILE"],
        ["check", "-i", "FILE"],
        ["check", "--vault-password-file", "FILE"],
        ["check", "--report", "junit:FILE"],
    ],
)
def test_a_report_does_not_overwrite_a_file_that_another_option_names(
    cli: Cli, tmp_path: Path, words: list[str]
) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("approved")
    link.symlink_to(file)
    verb, *others = [word.replace("FILE", str(link)) for word in words]
    path = f"{tmp_path}/../{tmp_path.name}/file"
    said = cli(verb, *others, "--report", f"json:{path}", inventory=False)
    assert (said.code, file.read_text()) == (3, "approved")
    assert said.err.endswith("must be a file that no other option names; name another file\n")


def test_a_full_disk_is_an_error_of_the_run(cli: Cli) -> None:
    said = cli("check", "--report", "json:/dev/full")
    assert said.code == 1
    assert said.err == "/dev/full could not be written: No space left on device\n"


def test_an_old_report_is_not_taken_for_a_new_one(
    cli: Cli, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "junit").write_text("old")
    monkeypatch.setattr(site, "plan_site", lambda *_: plan(TargetPlan("bh1", "linux")))
    run("plan")
    assert "old" not in (tmp_path / "junit").read_text()
