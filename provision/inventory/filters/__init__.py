"""The filters and tests that Ansible adds to Jinja, as far as inventories use them."""

from collections.abc import Callable
from typing import Any

from provision.inventory.filters import addresses, checks, data, files, searches, sets, text
from provision.inventory.sandbox import AcceptsUndefined

FILTERS: dict[str, Callable[..., Any] | AcceptsUndefined] = {
    **text.FILTERS,
    **searches.FILTERS,
    **data.FILTERS,
    **sets.FILTERS,
    **files.FILTERS,
    **addresses.FILTERS,
}
TESTS = checks.TESTS
