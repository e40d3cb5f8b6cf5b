"""lvc: configuration-driven training, coding and measurement of learned video codecs."""

__version__ = "0.1.0"
