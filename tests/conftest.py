"""Fixtures of the lab, and a plain message where a machine cannot run it."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.lab.debian import DebianHost
from tests.lab.roots import build_bare_root, build_ready_root

# Laws are about results. By default a machine that stalls for 200 ms in one of a hundred examples,
# or for a second while one is drawn, fails a test.
settings.register_profile(
    "whatever it takes", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("whatever it takes")

# A connection may end after the stream of its test, and has nobody to say so.
logging.raiseExceptions = False
logging.getLogger("paramiko").addHandler(logging.NullHandler())

PROGRAMS = ("systemd-nspawn", "mmdebstrap", "ssh", "ssh-keygen", "nsenter")


def missing_for_lab() -> str:
    """What this machine lacks for lab hosts, or nothing."""
    if os.geteuid() != 0:
        return "lab tests boot real Debian hosts, which needs root"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"lab tests need {', '.join(missing)}: run `make test`, it installs them"
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A lab test on a machine without a lab fails: a skip would look like a pass."""
    if item.get_closest_marker("lab") and (lack := missing_for_lab()):
        pytest.fail(lack, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Keep the logging of this process: the program sets up its own, also where a fixture starts it."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        return (yield)
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


@pytest.fixture(scope="session")
def bare_root() -> Path:
    """A Debian file system without python3 and without anything of a ban host."""
    return build_bare_root()


@pytest.fixture(scope="session")
def ready_root() -> Path:
    """A Debian file system with a ban host's packages installed."""
    return build_ready_root()


@pytest.fixture
def debian_host() -> Iterator[Callable[..., DebianHost]]:
    """Boots hosts (arguments as :class:`DebianHost` takes them); all are gone after the test."""
    with ExitStack() as hosts:
        yield lambda *args, **kwargs: hosts.enter_context(DebianHost(*args, **kwargs))
