"""Ansible inventories: their hosts, groups and variables, with the line of each."""

from pathlib import Path

# The folder of site.py: Ansible's playbook_dir.
PLAYBOOK = Path(__file__).resolve().parents[2]
