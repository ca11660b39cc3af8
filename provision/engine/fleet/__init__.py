"""Runs at many sites that go beyond one process and one moment."""
