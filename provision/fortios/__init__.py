"""The FortiOS half: CLI text in and out, and how a unit gets from one to the other."""
