"""How a run is told: what an operator sees, what a script reads, and what neither ever sees."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from provision.cli.report.console import Detail, Report
from provision.cli.report.json_document import write_json
from provision.masking import MASK, Secrets
from provision.plan import Change
from provision.results import Exit, SiteResult, TargetResult
from tests.unit.roles.sample_ca import CA

SECRET = 'hunter2-"quoted"\\'
DIFF = "--- /etc/x\n+++ /etc/x\n@@ -1 +1 @@\n-old\n+new"
SITE = SiteResult(
    "bh1",
    (
        TargetResult(
            "bh1",
            "linux",
            "failed",
            execs=2,
            changes=(Change("file:/etc/x", "update", DIFF, "because"),),
            error="first line\nsecond line",
            notes=("mind this",),
        ),
        TargetResult("fw1", "fortios", "ok", exchanges=3),
    ),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report(stream: io.StringIO, *values: str, live: bool = False, verbose: int = 0) -> Report:
    return Report(knowing(*values), stream, live, verbose)


def knowing(*values: str) -> Secrets:
    secrets = Secrets()
    for value in values:
        secrets.add(value)
    return secrets


def everywhere(secret: str) -> SiteResult:
    """A result that has the secret wherever a text can stand."""
    change = Change(f"file:/{secret}", "update", f"-a\n+{secret}", f"reason {secret}")
    texts: dict[str, Any] = {"changes": (change,), "error": f"err {secret}", "notes": (secret,)}
    return SiteResult(secret, (TargetResult(secret, "linux", "failed", **texts),))


def told(site: SiteResult, *values: str, detail: Detail) -> str:
    stream = io.StringIO()
    shown = report(stream, *values)
    shown.print_sites([site], detail)
    shown.print_summary([site])
    return stream.getvalue()


def document(site: SiteResult, *values: str) -> Any:
    written: list[str] = []
    write_json(written.append, "plan", Exit.OK, [site], knowing(*values))
    return json.loads("".join(written))


def test_every_target_is_printed_with_its_state_changes_notes_and_error() -> None:
    assert told(SITE, detail="names").splitlines() == [
        "site bh1",
        "  failed      bh1 (linux, 2 execs)",
        "      update   file:/etc/x  (because)",
        "      note: mind this",
        "      first line",
        "      second line",
        "  ok          fw1 (fortios, 3 exchanges)",
        "1 site, 2 targets: ok=1 failed=1 changes=1",
    ]


def test_what_a_ban_hosts_memory_asks_for_is_marked_and_shown_whole_without_being_asked() -> None:
    cli = "config firewall policy\n    delete 9001\nend\n"
    change = Change("firewall policy:9001", "delete", cli, source="the ban host's memory")
    site = SiteResult("bh1", (TargetResult("fw1", "fortios", "differs", changes=(change,)),))
    shown = told(site, detail="names")
    assert "delete   firewall policy:9001  (from the ban host's memory)" in shown
    assert all(line in shown for line in cli.splitlines())
    stream = io.StringIO()
    write_json(stream.write, "plan", Exit.DIFFERS, [site], Secrets())
    (told_change,) = json.loads(stream.getvalue())["sites"][0]["targets"][0]["changes"]
    assert (told_change["source"], told_change["diff"]) == ("the ban host's memory", cli)


def test_no_value_of_a_ban_host_hides_a_word_of_what_a_fortigate_is_sent() -> None:
    chosen = "a-name-that-the-ban-host-took-for-its-token"
    cli = f'config system external-resource\n    set resource "https://{chosen}.example/"\nend\n'
    change = Change("system external-resource:banstitch_feed", "restore", cli, source="the memory")
    target = TargetResult(
        "fw1", "fortios", "failed", changes=(change,), new_plan=(change,), difference=f"-\n+\n{cli}"
    )
    site = SiteResult("bh1", (target,))
    assert told(site, chosen, detail="everything").count(chosen) == 3
    (shown,) = document(site, chosen)["sites"][0]["targets"]
    assert shown["changes"][0]["diff"] == shown["new_plan"][0]["diff"] == cli
    assert shown["difference"] == target.difference


def test_diffs_are_shown_only_when_asked_for() -> None:
    assert "+new" not in told(SITE, detail="names")
    for line in DIFF.splitlines():
        assert " " * 10 + line in told(SITE, detail="everything").splitlines()


def test_long_lines_are_not_broken_so_that_they_can_be_searched() -> None:
    change = Change("file:/" + "x" * 300, "update", "+" + "y" * 300)
    site = SiteResult("s", (TargetResult("h", "linux", "changed", changes=(change,)),))
    assert " " * 10 + "+" + "y" * 300 in told(site, detail="everything").splitlines()


def test_a_row_of_a_table_is_one_line_with_every_cell_in_full() -> None:
    stream = io.StringIO()
    rows = [("a" * 60, "東京", "x y"), ("b", "c" * 60, "")]
    report(stream).print_table(("one", "two", "three"), rows)
    assert stream.getvalue().splitlines() == [
        "one" + " " * 59 + "two" + " " * 59 + "three",
        "a" * 60 + "  東京" + " " * 58 + "x y",
        "b" + " " * 61 + "c" * 60,
    ]


def test_a_new_plan_is_printed_with_its_difference_whatever_is_asked_for() -> None:
    change = Change("vpn ssl settings", "update", "set source-address new")
    found = TargetResult(
        "fw1",
        "fortios",
        "failed",
        error="fw1 changed",
        new_plan=(change,),
        difference="--- plan\n+++ plan\n@@ -1 +1 @@\n-    set source-address old",
    )
    text = told(SiteResult("s", (found,)), detail="names")
    assert "the new plan:" in text
    assert "update   vpn ssl settings" in text
    assert "set source-address new" in text
    assert "-    set source-address old" in text
    nothing = told(SiteResult("s", (replace(found, new_plan=()),)), detail="names")
    assert "the new plan changes nothing" in nothing


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    site = SiteResult("s", (TargetResult("h", "linux", "failed", error="[red]x[/] [/nope]"),))
    assert "[red]x[/] [/nope]" in told(site, detail="everything")


def test_no_secret_is_printed() -> None:
    text = told(everywhere(SECRET), SECRET, detail="everything")
    assert "hunter2" not in text
    assert MASK in text


def test_no_secret_of_several_lines_is_printed() -> None:
    text = told(everywhere("line-one\nline-two"), "line-one\nline-two", detail="everything")
    assert "line-one" not in text
    assert "line-two" not in text


def test_no_secret_is_in_the_json_document() -> None:
    assert "hunter2" not in json.dumps(document(everywhere(SECRET), SECRET))


def test_no_secret_is_in_the_live_table() -> None:
    stream = Terminal()
    with report(stream, SECRET, live=True) as shown:
        shown.report_activity("bh1", "bh1", f"observing {SECRET}")
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize(
    "password",
    [
        "null",
        "true",
        "exit_code",
        "verb",
        "sites",
        "targets",
        "changes",
        "error",
        "linux",
        "ok",
        "failed",
    ],
)
def test_a_password_that_is_a_word_of_ours_leaves_the_document_readable(password: str) -> None:
    found = document(SITE, password)

    assert set(found) == {"verb", "exit_code", "sites"}
    assert (found["verb"], found["exit_code"]) == ("plan", 0)
    linux, fortios = found["sites"][0]["targets"]
    assert (linux["kind"], linux["state"]) == ("linux", "failed")
    assert (fortios["kind"], fortios["state"], fortios["error"]) == ("fortios", "ok", None)
    assert linux["changes"][0]["action"] == "update"


def test_a_live_table_is_shown_on_a_terminal() -> None:
    stream = Terminal()
    with report(stream, live=True) as shown:
        shown.report_activity("bh1", "fw1", "observing")
    assert "observing" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


def test_no_live_table_and_no_colour_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with report(stream, live=True) as shown:
        shown.report_activity("bh1", "fw1", "observing")
        shown.report_result("bh1", SITE.targets[0])
        shown.print_sites([SITE], detail="everything")
    assert "observing" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_verbose_prints_each_activity_on_a_line() -> None:
    stream = io.StringIO()
    with report(stream, verbose=1) as shown:
        shown.report_activity("bh1", "fw1", "observing")
    assert stream.getvalue() == "fw1: observing\n"


@pytest.mark.parametrize("live", [False, True])
def test_while_a_question_is_asked_nothing_is_printed_and_nothing_is_lost(live: bool) -> None:
    stream = Terminal()
    with report(stream, SECRET, live=live) as shown:
        shown.report_activity("bh1", "bh1", "observing")
        with shown.pause():
            before = stream.getvalue()
            shown.print_line(f"a key was added {SECRET}")
            shown.report_activity("bh1", "fw1", "observing")
            shown.report_result("bh1", SITE.targets[1])
            assert stream.getvalue() == before
        assert f"a key was added {MASK}" in stream.getvalue()
        shown.print_line("and so on")
    assert stream.getvalue().index("a key was added") < stream.getvalue().index("and so on")


def created(path: str) -> Change:
    return Change(f"file:{path}", "create", "+content", role="receiver")


def test_a_plan_counts_new_files_and_says_how_to_see_them() -> None:
    changes = (created("/opt/a"), Change("file:/etc/x", "update", DIFF), created("/opt/b"))
    target = TargetResult("bh1", "linux", "differs", execs=1, changes=changes)
    target = replace(target, details={"settings": ["receiver: https://192.0.2.10:5000"]})
    site = SiteResult("bh1", (target,))
    assert told(site, detail="plan").splitlines() == [
        "site bh1",
        "  differs     bh1 (linux, 1 exec)",
        "      receiver: https://192.0.2.10:5000",
        "      create   receiver: 2 files in /opt",
        "      update   file:/etc/x",
        *(" " * 10 + line for line in DIFF.splitlines()),
        "the content of 2 new or deleted files is not printed; -D prints it",
        "1 site, 1 target: differs=1 changes=3",
    ]
    everything = told(site, detail="everything")
    assert everything.count("+content") == 2
    assert "-D prints" not in everything


def test_a_certificate_is_one_line_of_a_plan_and_whole_on_request() -> None:
    cli = f'config vpn certificate ca\n    edit "x"\n        set ca "{CA.strip()}"\nend'
    change = Change("vpn certificate ca:x", "create", cli)
    site = SiteResult("s", (TargetResult("fw1", "fortios", "differs", changes=(change,)),))
    plan = told(site, detail="plan")
    assert "BEGIN CERTIFICATE" not in plan
    assert 'set ca "(certificate, SHA-256 ' in plan
    assert all(line in told(site, detail="everything") for line in CA.splitlines())
