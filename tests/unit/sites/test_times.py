"""Settings that are times: how they are read, and how errors spell them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from provision.errors import InputError
from provision.inventory.variables import Where
from provision.sites.setting_types import Duration
from provision.sites.settings import RoleSettings, read_settings
from tests.unit.inventory.inventories import read_scope
from tests.unit.sites.fake_role import FakeRole


class Settings(RoleSettings):
    demo_idle: Annotated[Duration, Field(ge=60, le=86400, description="unused time")] = 1800


DURATION: TypeAdapter[int] = TypeAdapter(Duration)


@given(st.integers(1, 999), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]))
def test_a_duration_is_number_times_unit(number: int, unit: tuple[str, int]) -> None:
    assert DURATION.validate_python(f"{number}{unit[0]}") == number * unit[1]
    assert DURATION.validate_python(number) == DURATION.validate_python(str(number)) == number


@pytest.mark.parametrize("wrong", [0, -1, True, "", "1x", "m", "1.5h", None, [], "-5m", 1.5])
def test_what_is_no_duration_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(wrong)


@pytest.mark.parametrize("wrong", ["5s", "8d", "soon"])
def test_an_error_has_the_range_and_the_default_of_a_time(tmp_path: Path, wrong: str) -> None:
    scope = read_scope(tmp_path, f"demo_idle: {wrong}")
    with pytest.raises(InputError) as error:
        read_settings(FakeRole("demo", "demo_", Settings), scope, Where("hosts.yml", 3))
    assert str(error.value).endswith(
        "demo_idle must be a time such as 90 (seconds), 90s, 10m, 12h, 7d or 1w, from 1m to 1d"
        f" (got {wrong!r}); unused time, default 30m"
    )
