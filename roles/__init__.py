"""One file a role: its settings, and the resources or CLI blocks they ask for."""

import provision  # noqa: F401 - it makes banstitch_shared importable
