"""The filters and tests that Ansible adds to Jinja: those that inventories use."""

from provision.inventory.filters import addresses, checks, data, files, searches, sets, text

FILTERS = {
    **text.FILTERS,
    **searches.FILTERS,
    **data.FILTERS,
    **sets.FILTERS,
    **files.FILTERS,
    **addresses.FILTERS,
}
TESTS = checks.TESTS
