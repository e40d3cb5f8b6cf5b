"""Weights that others have published, as weights of the codecs here: one file per system."""
