"""Fixtures of tests of the simulator."""

from collections.abc import Iterator

import pytest

from tests.simulator import Options, Simulator
from tests.unit.simulator.loop_config import Web, serve


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as made:
        yield made


@pytest.fixture
def fortigate() -> Simulator:
    """Return a FortiGate that is not listening."""
    return Simulator(Options(hostname="HOST", enc_stable=True))
