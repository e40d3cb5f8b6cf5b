"""Distributions, coding tables, symbol streams and the range coder."""
