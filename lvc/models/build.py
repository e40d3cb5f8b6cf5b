"""From a model's configuration to the model."""

from pkgutil import resolve_name
from typing import Any

from lvc.codec import VideoCodec


def build_codec(config: Any) -> VideoCodec:
    """Build the codec that ``config``, one of :data:`lvc.config.model.MODELS`, describes, with fresh weights."""
    # a model's own imports are heavy (CompressAI takes seconds), so only the one asked for is imported
    codec = resolve_name(config.CODEC)
    intra = getattr(config, "intra", None)
    return codec(config) if intra is None else codec(config, build_codec(intra))
