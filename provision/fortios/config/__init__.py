"""FortiOS configuration: its text and its tables."""
