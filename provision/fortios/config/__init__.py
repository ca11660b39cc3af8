"""What FortiOS configuration looks like: text and tables."""
