"""Two roles, and sites that are built with them."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from provision.masking import Secrets
from provision.sites.builder import build_sites
from provision.sites.settings import RoleSettings
from provision.sites.site import Play, Site
from tests.unit.inventory.inventories import read_inventory
from tests.unit.sites.fake_role import FakeRole


class Receiver(RoleSettings):
    receiver_port: int = 5000
    receiver_token: SecretStr | None = None


class Feed(RoleSettings):
    feed_name: str = "bans"


RECEIVER = FakeRole("receiver", "receiver_", Receiver)
FEED = FakeRole("feed", "feed_", Feed)
PLAYS = (Play("ban_hosts", (RECEIVER,)), Play("fortigates", (FEED,)))
GOOD = """
ban_hosts: {hosts: {ban1: }}
fortigates: {hosts: {fw1: {ban_host: ban1}}}
"""


def build(folder: Path, hosts: str, secrets: Secrets | None = None) -> tuple[Site, ...]:
    return build_sites(read_inventory(folder, hosts), PLAYS, secrets or Secrets())
