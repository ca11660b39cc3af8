"""JUnit XML and Markdown hold every target, and no text of a target can break their form."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from provision.cli.report.junit import format_junit
from provision.cli.report.markdown import LONGEST, format_markdown
from provision.plan import Change
from provision.results import Document, Exit, SiteResult, TargetResult, build_document
from tests.unit.cli.junit_schema import list_outcomes, read_junit

CHANGE = Change("file:/etc/x", "update", "-old\n+new", "it was edited")
TARGETS = (
    TargetResult("bh1", "linux", "differs", changes=(CHANGE,), notes=("3 bans end",)),
    TargetResult("fw1", "fortios", "failed", error="refused\ncheck the profile"),
    TargetResult("fw2", "fortios", "unreachable", error="no route"),
    TargetResult("fw3", "fortios", "skipped", error="left alone: bh1 failed"),
    TargetResult("fw4", "fortios", "ok"),
    TargetResult("fw5", "fortios", "changed", changes=(CHANGE,)),
)
TEXTS = st.text() | st.sampled_from(
    ["```\n@all", "``", "a|b", "<img src=x>", "]]>", "\x1b[2J", "\ud800", "\r\n/close"]
)
RESULTS = st.lists(
    st.builds(
        TargetResult,
        host=TEXTS,
        kind=st.sampled_from(["linux", "fortios"]),
        state=st.sampled_from(["ok", "changed", "differs", "failed", "unreachable", "skipped"]),
        changes=st.lists(st.builds(Change, *[TEXTS] * 4), max_size=2).map(tuple),
        error=TEXTS,
        notes=st.lists(TEXTS, max_size=2).map(tuple),
        difference=TEXTS,
    ),
    max_size=3,
)


def describe(*targets: TargetResult, code: Exit = Exit.FAILED) -> Document:
    return build_document("plan", code, [SiteResult("bh1", targets)])


def read_fences(text: str) -> list[str]:
    """Return the lines outside all code blocks, as CommonMark reads them."""
    outside, fence = [], ""
    for line in text.split("\n"):
        opened = re.match("`{3,}", line)
        if fence:
            fence = "" if re.fullmatch(f"{fence}`*", line) else fence
        elif opened:
            fence = opened[0]
        else:
            outside.append(line)
    assert not fence
    return outside


# --- JUnit -----------------------------------------------------------------------------------------


def test_drift_fails_a_test_and_an_error_is_an_error() -> None:
    root = read_junit(format_junit(describe(*TARGETS), ()))
    assert list_outcomes(root) == {
        "bh1": "failure",
        "fw1": "error",
        "fw2": "error",
        "fw3": "skipped",
        "fw4": "passed",
        "fw5": "passed",
    }
    assert [suite.attrib["name"] for suite in root] == ["bh1"]


def test_a_failed_test_says_what_would_change() -> None:
    root = read_junit(format_junit(describe(*TARGETS), ()))
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib == {"message": "1 change", "type": "differs"}
    assert failure.text == "update file:/etc/x (it was edited)\n-old\n+new"
    assert root.findtext(".//system-out") == "note: 3 bans end"


def test_a_run_that_ended_early_has_a_test_with_the_error() -> None:
    root = read_junit(format_junit(describe(TARGETS[4], code=Exit.INTERRUPTED), ("interrupted",)))
    assert list_outcomes(root) == {"fw4": "passed", "plan": "error"}


def test_a_site_without_targets_is_a_test_of_its_own() -> None:
    """Jenkins refuses a file without tests."""
    root = read_junit(format_junit(describe(code=Exit.OK), ()))
    assert list_outcomes(root) == {"bh1": "passed"}


@given(RESULTS, st.lists(TEXTS, max_size=2))
def test_any_text_leaves_the_xml_valid(results: list[TargetResult], errors: list[str]) -> None:
    root = read_junit(format_junit(describe(*results), errors))
    cases = max(1, len(results)) + bool(errors)
    assert len(list(root.iter("testcase"))) == cases


# --- Markdown ----------------------------------------------------------------------------------------


def test_markdown_shows_what_needs_attention_first() -> None:
    text = format_markdown(describe(*TARGETS), ())
    rows = re.findall(r"^\| `bh1` \| `(\w+)` \| (\w+) \| (\d) \|$", text, re.M)
    assert rows == [
        ("fw1", "failed", "0"),
        ("fw2", "unreachable", "0"),
        ("bh1", "differs", "1"),
        ("fw5", "changed", "1"),
        ("fw3", "skipped", "0"),
    ]
    assert "1 site, 6 targets: failed=1 unreachable=1 differs=1 changed=1 skipped=1 ok=1" in text
    assert "```diff\n# update file:/etc/x (it was edited)\n-old\n+new\n```" in text
    assert "Exit code 1 (failed)" in text


@given(RESULTS, st.lists(TEXTS, max_size=2))
def test_no_text_leaves_its_code(results: list[TargetResult], errors: list[str]) -> None:
    lines = read_fences(format_markdown(describe(*results), errors))
    for line in lines:
        without_code = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", line)
        assert not set(without_code) & set("@[]!$`\x1b\r"), line
        assert re.sub("</?(details|summary)>", "", without_code).count("<") == 0


def test_a_name_cannot_add_a_column() -> None:
    (row,) = re.findall(
        r"^\| `bh1`.*", format_markdown(describe(TargetResult("a|b", "linux", "failed")), ()), re.M
    )
    assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_a_comment_stays_within_what_servers_take() -> None:
    big = Change("file:/etc/x", "update", "+line\n" * 50_000)
    targets = [TargetResult(f"fw{n}", "fortios", "differs", changes=(big,)) for n in range(3000)]
    text = format_markdown(describe(*targets), ("error " * 50_000,))
    assert len(text) <= LONGEST + 100
    assert read_fences(text)
    assert "more targets: the JSON report has them all" in text
    assert "characters in all" in text
