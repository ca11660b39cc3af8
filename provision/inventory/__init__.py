"""Ansible's inventory: which hosts and groups there are, and who has which variable, from which line."""
