"""Values that must stay secret: ansible-vault's files and values, their passwords, and their masks."""
