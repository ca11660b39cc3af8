"""The forms in which an inventory can be written, each read into the same raw material."""
