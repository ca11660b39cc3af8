"""The roles: each has settings, and the resources or CLI blocks that they ask for."""

import provision  # noqa: F401 - it makes banstitch_shared importable
