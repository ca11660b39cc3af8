"""The catalogue of all detections, read from `detections.yml`. Part of the role `detection`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from provision.errors import InputError, Problem
from provision.inventory import yaml_lines
from provision.sites.setting_types import Duration, DurationOrForever
from provision.sites.settings import Strict

_FILE = Path(__file__).parent / "detections.yml"

# "banstitch_" and the name form the name of a FortiOS object, which has at most 35 characters.
DetectionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,24}$")]
LogId = Annotated[int, Field(ge=1, le=65535)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,35}$")]
Patterns = Annotated[tuple[str, ...], Field(min_length=1)]
MaxRetry = Annotated[int, Field(ge=1, le=10000)]


class Match(Strict):
    """A log line that must match, and the address that must be found in it."""

    line: str
    address: str


class Detection(Strict):
    """One block of detections.yml."""

    name: DetectionName
    description: Annotated[str, Field(max_length=200)]
    log_ids: Annotated[tuple[LogId, ...], Field(min_length=1)]
    address_field: FieldName
    address_inside: FieldName | None = None
    where: Annotated[dict[FieldName, Patterns], Field(default_factory=dict)]
    max_retry: MaxRetry
    find_time: Duration
    ban_time: DurationOrForever
    matches: tuple[Match, ...]
    ignores: tuple[str, ...]


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
