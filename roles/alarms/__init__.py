"""Alarms and the heartbeat of a ban host."""
