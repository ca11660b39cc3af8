"""Fixtures of tests of the simulator."""

from collections.abc import Iterator

import pytest

from tests.unit.simulator.loop_config import Web, serve


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as made:
        yield made
