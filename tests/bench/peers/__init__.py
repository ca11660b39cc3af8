"""Peers of Banstitch: the same packages, users, directories, files and services by pyinfra and by Ansible.

pyinfra is installed, pinned, into a cache of its own. Ansible is the one that the tests have anyway.
"""
