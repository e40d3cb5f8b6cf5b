"""A small video of planes."""

import av

from lvc.config.data import FolderConfig
from lvc.datasets.planes import planes_of
from lvc.datasets.sequences import check, open_sequences

from ..evaluation.material import moving_scene, protocol


def write_planes(path, pixels="yuv420p", codec="ffv1", frames=6, **scene):
    """Lossless YUV; returns the planes that are in the file."""
    written = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        pictures = moving_scene(frames=frames, **scene)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], pixels
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            written.append(planes_of(frame))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return written


def open_planes(path, **changes):
    """The source at ``path``, as an evaluation opens it."""
    found = open_sequences(FolderConfig(name="folder", path=str(path.parent)))
    return check(found[0], protocol(**{"intra_period": -1, **changes}))
