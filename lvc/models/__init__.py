"""One file per system, plus intra codecs."""
