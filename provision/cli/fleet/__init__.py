"""Runs at many sites on the command line: run files, shards, and the display of progress."""
