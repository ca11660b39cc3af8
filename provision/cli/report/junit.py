"""A run as JUnit XML, which pipelines show as tests: a suite for each site, a test for each target."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from provision.cli.report.texts import cut_text, list_changes, list_news
from provision.errors import spell_count
from provision.masking import escape
from provision.results import Document, Exit, SiteDocument, TargetDocument

# Characters of one target.
LONGEST = 20_000
# The element for the state of a target; a target that is as it should be, or was changed, has none.
_OUTCOMES = {
    "differs": "failure",
    "failed": "error",
    "unreachable": "error",
    "skipped": "skipped",
}


def format_junit(document: Document, errors: Sequence[str]) -> str:
    """Return the XML for a run; ``errors`` are those of the run itself."""
    root = Element("testsuites", name=_clean(f"banstitch {document['verb']}"))
    for site in document["sites"]:
        _add_site(root, document["verb"], site)
    if errors:
        _add_error(root, document, "\n".join(errors))
    for suite in (*root, root):
        _count(suite)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add_site(root: Element, verb: str, site: SiteDocument) -> None:
    suite = SubElement(root, "testsuite", name=_clean(site["name"]))
    group = _clean(f"banstitch.{verb}.{site['name']}")
    for target in site["targets"]:
        case = SubElement(suite, "testcase", classname=group, name=_clean(target["host"]))
        _add_outcome(case, target)
    if not site["targets"]:  # of check and render; some servers refuse a file without tests
        SubElement(suite, "testcase", classname=group, name=_clean(site["name"]))


def _add_outcome(case: Element, target: TargetDocument) -> None:
    state = target["state"]
    if state in _OUTCOMES:
        lines = [*list_news(target), *list_changes(target)]
        summary = lines[0] if target["error"] else spell_count(len(target["changes"]), "change")
        outcome = SubElement(case, _OUTCOMES[state], message=_clean(summary), type=state)
        outcome.text = cut_text(lines, LONGEST)
    notes = [f"note: {note}" for note in target["notes"]]
    if state == "changed":
        notes = [*list_changes(target), *notes]
    if notes:
        SubElement(case, "system-out").text = cut_text(notes, LONGEST)


def _add_error(root: Element, document: Document, error: str) -> None:
    suite = SubElement(root, "testsuite", name="banstitch")
    case = SubElement(suite, "testcase", classname="banstitch", name=document["verb"] or "run")
    kind = Exit(document["exit_code"]).name.lower()
    outcome = SubElement(case, "error", message=_clean(error.partition("\n")[0]), type=kind)
    outcome.text = cut_text(error.splitlines(), LONGEST)


def _count(suite: Element) -> None:
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for name, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(outcome) is not None for case in cases)))


def _clean(text: str) -> str:
    """Return ``text`` for an attribute: one line, without characters that XML does not allow."""
    return escape(text, but="")[:LONGEST]
