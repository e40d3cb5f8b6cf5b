import pytest

from lvc.bitstream.packet import Packet
from lvc.structures import dyadic


@pytest.mark.parametrize(
    ("gop", "frames", "groups"),
    [
        (4, 7, [(0, 4), (4, 2), (6, 1)]),
        (16, 16, [(0, 16)]),
        (16, 13, [(0, 8), (8, 4), (12, 1)]),
        (1, 2, [(0, 1), (1, 1)]),
        (8, 1, [(0, 1)]),
    ],
)
def test_frames_fall_into_whole_groups_and_ever_smaller_ones(gop, frames, groups):
    assert list(dyadic.groups(frames, gop)) == groups


@pytest.mark.parametrize(
    ("levels", "kept"), [(0, [0, 4, 2, 6, 1, 3, 5, 7, 8, 9]), (1, [0, 4, 2, 6, 8]), (2, [0, 4, 8]), (3, [0, 8])]
)
def test_levels_are_left_out_by_place(levels, kept):
    order = [0, 4, 2, 6, 1, 3, 5, 7, 8, 9]
    packets = [Packet("L" if index in (0, 8) else "H", index, b"") for index in order]
    assert [packet.index for packet in dyadic.without_levels(packets, levels)] == kept
