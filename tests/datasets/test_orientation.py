"""A video is shown the way its display matrix says: turned, mirrored, or refused."""

import struct

import numpy as np
import pytest

from lvc.datasets.video import VideoReader
from lvc.errors import UserError

from .conftest import clip, write

ONE = 1 << 16
MATRICES = {
    "as it is": ((1, 0, 0, 1), lambda f: f),
    "a quarter clockwise": ((0, 1, -1, 0), lambda f: np.rot90(f, -1, (1, 2))),
    "half": ((-1, 0, 0, -1), lambda f: np.rot90(f, 2, (1, 2))),
    "a quarter anticlockwise": ((0, -1, 1, 0), lambda f: np.rot90(f, 1, (1, 2))),
    "mirrored": ((-1, 0, 0, 1), lambda f: f[:, :, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda f: f[:, ::-1]),
    "along the diagonal": ((0, 1, 1, 0), lambda f: f.swapaxes(1, 2)),
    "along the other diagonal": ((0, -1, -1, 0), lambda f: f.swapaxes(1, 2)[:, ::-1, ::-1]),
    "left empty": ((0, 0, 0, 0), lambda f: f),
    "a little off": ((0, 0.9999, -1, 0.00001), lambda f: np.rot90(f, -1, (1, 2))),
}


def with_matrix(path, matrix):
    """A clip whose file has display matrix a, b, c, d: (x, y) is shown at (ax + cy, bx + dy)."""
    write(path, clip())
    upright = np.stack(list(VideoReader(path)))
    a, b, c, d = (round(value * ONE) for value in matrix)
    data = bytearray(path.read_bytes())
    place = data.find(b"tkhd") + 44
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return upright


@pytest.mark.parametrize("name", MATRICES)
def test_turned_and_mirrored(tmp_path, name):
    matrix, expected = MATRICES[name]
    upright = with_matrix(tmp_path / "a.mp4", matrix)
    reader = VideoReader(tmp_path / "a.mp4")
    assert np.array_equal(list(reader), expected(upright))
    assert (reader.info.height, reader.info.width) == expected(upright).shape[1:3]


def test_other_angles_are_refused(tmp_path):
    with_matrix(tmp_path / "a.mp4", (0.866, 0.5, -0.5, 0.866))
    with pytest.raises(UserError, match=r"a\.mp4: is shown turned by .*30.* degrees, which is no multiple of 90"):
        VideoReader(tmp_path / "a.mp4")
