"""Cuts are found where they are, and clips are cut out as asked for."""

import numpy as np
import pytest

from data.frames import Frame
from data.options import BuildOptions
from data.shots import ClipCutter, shots

from .material import scene


def numbered(*lengths):
    """Frames of shots of these lengths, as :func:`shots` yields them."""
    index = 0
    for shot, length in enumerate(lengths):
        for _ in range(length):
            yield shot, index, Frame(np.zeros((2, 2, 3), np.uint8), index / 25)
            index += 1


def cutter(**options):
    return ClipCutter(BuildOptions(source="in", out="out", **{"frames": 8, **options}))


@pytest.mark.parametrize(
    ("options", "firsts"),
    [
        ({}, [0, 8, 16, 30]),
        ({"stride": 4}, [0, 4, 8, 12, 16, 30]),
        ({"stride": 12}, [0, 12, 30]),
        ({"clips_per_shot": 1}, [0, 30]),
        ({"margin": 5}, [5, 13]),
        ({"margin": 2}, [2, 10]),
        ({"margin": 9, "stride": 1}, [9]),
    ],
)
def test_where_clips_begin(options, firsts):
    cut = cutter(**options)
    clips = list(cut.cut(numbered(26, 4, 9)))
    assert [clip.first for clip in clips] == firsts
    assert all(len(c.frames) == 8 and c.frames[0].seconds == c.first / 25 for c in clips)
    assert cut.shots == 3 and cut.frames == 39
    assert (26, 4) in cut.short and ((30, 9) in cut.short) == (30 not in firsts)


def test_memory_is_bounded_by_clip_and_margin():
    cut, most = cutter(margin=10), 0
    for _ in cut.cut(numbered(500)):
        most = max(most, len(cut._open))
    assert most <= 4


def test_cuts_are_found_in_front_of_the_right_frames():
    lengths = [12, 3, 20, 7]
    frames = np.concatenate([scene(seed, length) for seed, length in enumerate(lengths)])
    found = list(shots((Frame(image, 0.0) for image in frames), 3.0, 15.0))
    assert [index for _, index, _ in found] == list(range(42))
    assert [shot for shot, _, _ in found] == [0] * 12 + [1] * 3 + [2] * 20 + [3] * 7
    assert all(np.array_equal(frame.image, frames[index]) for _, index, frame in found)


def test_cuts_near_the_ends_are_found():
    frames = np.concatenate([scene(1, 1), scene(2, 9), scene(3, 1)])
    found = shots((Frame(image, 0.0) for image in frames), 3.0, 15.0)
    assert [shot for shot, _, _ in found] == [0] + [1] * 9 + [2]


def test_fast_motion_is_no_cut():
    frames = scene(4, 20, speed=24)
    change = np.abs(np.diff(frames.astype(int), axis=0)).mean()
    assert change > 30, "each frame differs as much as behind a cut"
    assert {shot for shot, _, _ in shots((Frame(image, 0.0) for image in frames), 3.0, 15.0)} == {0}
