"""Codecs that others wrote, run on the same frames: by PyAV, by the FFmpeg binary, or as configured programs."""
