"""A FortiManager, as the FortiGate that it manages sees it: what an install of a policy package leaves.

Sources: KB 225438 (an install overrides policies that were changed on the FortiGate), KB 193259 (it deletes
objects that no policy uses). Feeds are not named there, so whether they are deleted is an option.
"""

import copy

from tests.simulator.config import Config
from tests.simulator.options import Options
from tests.simulator.text import Word
from tests.simulator.tree import Block

_POLICIES = ("firewall policy", "firewall local-in-policy", "firewall local-in-policy6")
_FEEDS = "system external-resource"


class Manager:
    """The FortiManager of one FortiGate, with the policies that it imported when it was made."""

    def __init__(self, config: Config, options: Options) -> None:
        self._purges = options.package_purges
        self._package = {
            (scope, path): copy.copy(block.rows)
            for scope, path, block in _list_blocks(config, _POLICIES)
        }
        block = config.block("system central-management", "global" if config.multi else "")
        if block and options.manager:
            if options.manager_type == "shown":
                block.entry.put(block.table, "type", (Word("fortimanager"),))
            block.entry.put(block.table, "fmg", (Word(options.manager, True),))

    def install(self, config: Config) -> None:
        """Put back the policies of the package; delete the others."""
        for scope, path, block in _list_blocks(config, _POLICIES):
            block.rows.clear()
            block.rows.update(self._package[scope, path])
        for scope, path, block in _list_blocks(config, (_FEEDS,)) if self._purges else ():
            for name in [each for each in block.rows if not config.users(path, each, scope)]:
                del block.rows[name]


def _list_blocks(config: Config, paths: tuple[str, ...]) -> list[tuple[str, str, Block]]:
    return [
        (scope, path, blocks[path])
        for scope, blocks in config.scopes.items()
        for path in paths
        if path in blocks
    ]
