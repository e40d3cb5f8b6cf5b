"""The commands of `python -m lvc`."""
