"""Types of the settings of the role `detection`, and the settings of one detection."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from provision.sites.setting_types import AllowList, Duration, DurationOrForever
from provision.sites.settings import Strict
from roles.detection.catalogue import MaxRetry
from roles.detection.rules import RuleSettings

# What somebody may type as a name; the rules fold upper and lower case, domain and realm.
UserName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
# Folders that the service does not see.
_HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")  # noqa: S108


def list_one(value: object) -> object:
    """Return a single text as a list of one."""
    return (value,) if isinstance(value, str) else value


def _check_database(value: str) -> str:
    """Return the path of a file that the sandbox of banstitch-rules leaves visible; it may be empty."""
    if value and not re.fullmatch(r"/[A-Za-z0-9._/-]{1,200}", value):
        raise ValueError("it must be an absolute path of letters, digits, '.', '_' and '-'")
    if ".." in PurePosixPath(value).parts:
        raise ValueError("it must not contain '..'")
    if value.startswith(_HIDDEN):
        raise ValueError(f"it must be outside {', '.join(_HIDDEN)}, such as /var/lib/GeoIP")
    return value


DatabasePath = Annotated[str, AfterValidator(_check_database)]


class Overrides(Strict):
    """Settings of one detection that differ from those of all detections."""

    max_retry: Annotated[
        MaxRetry | None, Field(description="number of events within find_time that ban an address")
    ] = None
    find_time: Annotated[
        Duration | None, Field(description="period in which events are counted, 1s or more")
    ] = None
    ban_time: Annotated[
        DurationOrForever | None, Field(description="duration of a ban; -1: permanent")
    ] = None
    ignore: Annotated[
        AllowList, Field(description="addresses, networks and file:PATH that it never bans")
    ] = ()
    rules: Annotated[
        RuleSettings,
        Field(description="max_retry, find_time and ban_time of single rules, by name; off; on"),
    ] = Field(default_factory=dict)
