"""Readers for each form of an inventory: YAML, INI, scripts, lists and what Ansible reads."""
