"""The catalogue of all detections, read from `detections.yml`. Part of the role `detection`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from banstitch_shared.jails import name_jail
from pydantic import Field, ValidationError, model_validator

from provision.errors import InputError, Problem
from provision.inventory import yaml_lines
from provision.sites.setting_types import Duration, DurationOrForever
from provision.sites.settings import Strict

_FILE = Path(__file__).parent / "detections.yml"

# "banstitch_" and the name form the name of a FortiOS object, which has at most 35 characters.
DetectionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,24}$")]
LogId = Annotated[int, Field(ge=1, le=65535)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,35}$")]
FieldNames = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,35}(\|[A-Za-z0-9_.-]{1,35}){0,7}$")]
Patterns = Annotated[tuple[str, ...], Field(min_length=1)]
Condition = Patterns | Literal["a name", "none"]
Conditions = Annotated[dict[FieldNames, Condition], Field(default_factory=dict)]
MaxRetry = Annotated[int, Field(ge=1, le=10000)]
Kind = Literal["failure", "success", "lockout"]
RuleName = Literal[
    "plain", "trusted", "slow", "unknown_user", "trap", "spray", "lockout", "network", "asn"
]


class Match(Strict):
    """A log line that must match, with the kind, the address and the user name that it gives."""

    line: str
    address: str
    kind: Kind = "failure"
    user: str | None = None


class Thresholds(Strict):
    """Events within a period that ban an address, and the duration of the ban; -1 is permanent."""

    max_retry: MaxRetry
    find_time: Duration
    ban_time: DurationOrForever


class Detection(Thresholds):
    """One block of detections.yml, or that with the settings of one site.

    ``address_inside``: a field such as ``ui=ssh(1.2.3.4)`` for lines without ``address_field``.
    ``where``: for each field, patterns of which its value must match one (``*``: anything).
    """

    name: DetectionName
    formerly: DetectionName | None = None
    description: Annotated[str, Field(max_length=200)]
    log_ids: Annotated[tuple[LogId, ...], Field(min_length=1)]
    success_ids: tuple[LogId, ...] = ()
    success_description: Annotated[str, Field(max_length=200)] = ""
    lockout_ids: tuple[LogId, ...] = ()
    lockout_description: Annotated[str, Field(max_length=200)] = ""
    address_field: FieldName
    address_inside: FieldName | Literal[""] = ""
    user_fields: Annotated[tuple[FieldName, ...], Field(min_length=1)] = ("user",)
    where: Conditions
    success_where: Conditions
    needs: str | None = None
    accounts: Literal["users", "administrators"] = "users"
    no_traps: tuple[str, ...] = ()
    rules: Annotated[tuple[RuleName, ...], Field(min_length=1)]
    matches: tuple[Match, ...]
    ignores: tuple[str, ...]
    # addresses and networks that a site never bans by it; no block of the file names any
    ignore: Annotated[tuple[str, ...], Field(max_length=0)] = ()

    @property
    def jail(self) -> str:
        """Return the name of its jail."""
        return name_jail(self.name)

    @model_validator(mode="after")
    def _is_described(self) -> Self:
        for kind in ("success", "lockout"):
            has_ids = bool(getattr(self, f"{kind}_ids"))
            if has_ids != bool(getattr(self, f"{kind}_description")):
                raise ValueError(f"{kind}_ids and {kind}_description must be set together")
        return self


def read_catalogue(path: Path = _FILE) -> dict[str, Detection]:
    """Return all detections of the catalogue, by name.

    Raises:
        InputError: a block of the file is not a detection.
    """
    detections: dict[str, Detection] = {}
    problems: list[Problem] = []
    document = yaml_lines.load(path)
    if not isinstance(document, yaml_lines.YamlMap):
        raise InputError(
            [Problem(str(path), 0, "must contain detections", "write NAME: {...} for each")]
        )
    for name, block in document.items():
        line = document.lines[name]
        if not isinstance(block, dict):
            message = f"{name} must be a block"
            problems.append(Problem(str(path), line, message, "indent its fields below it"))
            continue
        try:
            detections[str(name)] = Detection.model_validate({"name": name, **block})
        except ValidationError as error:
            for detail in error.errors():
                where = ".".join(str(step) for step in detail["loc"])
                problems.append(Problem(str(path), line, f"{name}.{where}: {detail['msg']}"))
    if problems:
        raise InputError(problems)
    return detections


CATALOGUE = read_catalogue()
# Names of earlier releases, which inventories and ban hosts may still have, to those of today.
RENAMED = {each.formerly: each.name for each in CATALOGUE.values() if each.formerly}
