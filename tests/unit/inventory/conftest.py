"""Fixtures for tests of inventories."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.inventory.ansible_core import AnsibleCore, start_ansible


@pytest.fixture(scope="session")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnsibleCore]:
    """Return a running process with ansible-core."""
    with start_ansible(tmp_path_factory.mktemp("ansible")) as process:
        yield process
