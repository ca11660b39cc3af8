"""The schema of a FortiOS table: attributes with their types, sizes, defaults and versions.

`catalog.py` holds the data; this file holds the words it is written in and the version rule.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

Version = tuple[int, ...]
# Policies answer a missing reference with node_check_object (captured on 7.4.1), -3 before.
MEMBER_ERROR = "7.4-"
# One of each side of every difference between versions that the catalogue knows.
VERSIONS = (
    "6.4.15",
    "7.0.0",
    "7.0.5",
    "7.0.17",
    "7.2.0",
    "7.2.11",
    "7.4.1",
    "7.4.8",
    "7.6.2",
    "7.6.4",
    "8.0.0",
)


def parse_version(text: str) -> Version:
    """Read "7.4.8" into (7, 4, 8); raises ValueError for anything else."""
    parts = tuple(int(part) for part in text.split("."))
    if len(parts) != 3:
        raise ValueError(f"{text!r} is no FortiOS version; write it as 7.4.8")
    return parts


def within(spec: str, version: Version) -> bool:
    """Return whether `version` is in `spec`: blank-separated `low-high` ranges, "" for all.

    `7.0.6-7.0 7.2.1-` reads: from 7.0.6 on the 7.0 train, and 7.2.1 and everything later.
    """
    return not spec or any(_is_in_range(part, version) for part in spec.split())


def _is_in_range(part: str, version: Version) -> bool:
    low, _, high = part.partition("-")
    if low and version < tuple(int(number) for number in low.split(".")):
        return False
    limit = tuple(int(number) for number in high.split(".")) if high else ()
    return version[: len(limit)] <= limit


@dataclass(frozen=True)
class Attribute:
    """One `set` line.

    `kind` is one of string, strings, option, integer, integers, ref, refs, ip, subnet, secret,
    uuid, pem, any. `size` is the longest text in bytes, or the span of an integer. `choices` and
    `refers` map a value (a table's path) to the versions that know it. `when` hides the attribute
    unless another one has one of the values: ("action-type", "webhook").
    """

    name: str
    kind: str = "string"
    size: int | tuple[int, int] = 0
    default: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    refers: dict[str, str] = field(default_factory=dict)
    versions: str = ""
    required: bool = False
    when: tuple[str, ...] = ()
    unique: bool = False

    @property
    def many(self) -> bool:
        """Return whether one `set` line takes several values."""
        return self.kind in ("strings", "integers", "refs", "any")


@dataclass(frozen=True)
class Table:
    """One `config` path; `key` is "" for a single object, else "string" or "integer".

    `scope` is "global", "vdom" or "both" (external-resource). `lenient` tables come from a loaded
    file, know no attribute and take every line. `member_error` picks the text for a missing
    reference: policies answer with node_check_object.
    """

    path: str
    key: str = ""
    key_size: int = 35
    scope: str = "global"
    attributes: tuple[Attribute, ...] = ()
    tables: tuple["Table", ...] = ()
    versions: str = ""
    limit: int = 0
    lenient: bool = False
    member_error: bool = False

    @property
    def name(self) -> str:
        """Return the last word of the path, which the prompt shows."""
        return self.path.split()[-1].strip('"')

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of that name, None if there is none."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Attribute]:
        return {each.name: each for each in reversed(self.attributes)}

    def table(self, name: str) -> "Table | None":
        """Return the nested table of that name, None if there is none."""
        return next((each for each in self.tables if each.path == name), None)

    def order(self, name: str) -> int:
        """Return the position of an attribute or nested table in `show`, -1 when unknown."""
        names = [each.name for each in self.attributes] + [each.path for each in self.tables]
        return names.index(name) if name in names else -1


def lenient(path: str) -> Table:
    """Return a table that takes every line, for what a loaded file names beyond the catalog."""
    return Table(path, lenient=True, scope="both")


def at_version(table: Table, version: Version) -> Table:
    """Keep only what `version` knows of `table`."""
    attributes = tuple(
        replace(
            each,
            choices={name: "" for name, spec in each.choices.items() if within(spec, version)},
            refers={path: "" for path, spec in each.refers.items() if within(spec, version)},
        )
        for each in table.attributes
        if within(each.versions, version)
    )
    nested = tuple(
        at_version(each, version) for each in table.tables if within(each.versions, version)
    )
    member_error = table.member_error and within(MEMBER_ERROR, version)
    return replace(table, attributes=attributes, tables=nested, member_error=member_error)


EVERY = ""  # a version spec: all of them
ON = {"enable": EVERY, "disable": EVERY}


def options(names: str, **gated: str) -> dict[str, str]:
    """Build choices: `names` on every version, the keywords with their ranges."""
    return dict.fromkeys(names.split(), EVERY) | {
        name.replace("_", "-"): spec for name, spec in gated.items()
    }


def flag(name: str, default: str, versions: str = "", when: tuple[str, ...] = ()) -> Attribute:
    """Build an enable/disable attribute."""
    return Attribute(name, "option", 0, default, ON, versions=versions, when=when)
