"""The form of JUnit XML that GitLab, GitHub's actions and Jenkins read."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

OUTCOMES = ("failure", "error", "skipped")
COUNTS = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
# Each element: the attributes that it must have, and the elements that it may have.
FORM: dict[str, tuple[set[str], tuple[str, ...]]] = {
    "testsuites": ({"name", *COUNTS}, ("testsuite",)),
    "testsuite": ({"name", *COUNTS}, ("testcase",)),
    "testcase": ({"name", "classname"}, (*OUTCOMES, "system-out")),
    "failure": ({"message", "type"}, ()),
    "error": ({"message", "type"}, ()),
    "skipped": ({"message", "type"}, ()),
    "system-out": (set(), ()),
}


def read_junit(text: str) -> Element:
    """Return the root of a file of the right form; fail the test otherwise."""
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = FORM[element.tag]
        assert set(element.attrib) == attributes
        assert {child.tag for child in element} <= set(children)
        assert not children or not (element.text or "").strip()
    for suite in root.iter():
        for count, tag in COUNTS.items() if "tests" in suite.attrib else ():
            assert suite.attrib[count] == str(len(list(suite.iter(tag))))
    for case in root.iter("testcase"):
        assert sum(child.tag in OUTCOMES for child in case) <= 1
    return root


def list_outcomes(root: Element) -> dict[str, str]:
    """Return the outcome of each test: passed, or the name of its element."""
    return {
        case.attrib["name"]: next((x.tag for x in case if x.tag in OUTCOMES), "passed")
        for case in root.iter("testcase")
    }
