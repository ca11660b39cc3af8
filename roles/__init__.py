"""One file a role: its settings, and the resources or CLI blocks they ask for."""
