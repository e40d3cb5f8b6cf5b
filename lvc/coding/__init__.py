"""Encoding videos to files and decoding them: settings, rate control, and the files themselves."""
