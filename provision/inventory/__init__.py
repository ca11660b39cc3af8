"""Ansible inventories: their hosts, groups and variables, with the line of each."""
