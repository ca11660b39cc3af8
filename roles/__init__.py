"""The roles: each has settings, and the resources or CLI blocks that they ask for."""
