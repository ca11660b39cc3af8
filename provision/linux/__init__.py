"""The Linux half: what a ban host should hold, and how it gets there in one exec."""
