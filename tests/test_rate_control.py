"""Sizes are met by the quality of a pass, or of single frames."""

import random

import pytest
import torch

from lvc.bitstream.container import packet_bytes
from lvc.bitstream.packet import Packet
from lvc.codec import Rate
from lvc.coding.rate_control import TOLERANCE, RateControl
from lvc.structures.low_delay import LowDelay
from lvc.structures.mctf import MCTF

PIXELS, LAST, HEADER = 416 * 240, 63.0, 110


class Video:
    """Frames that differ in what they cost, and a codec whose bits do not quite follow the model.

    Attributes:
        qualities: Of every frame, by pass.
        sizes: Of the file, by pass.
    """

    def __init__(self, frames: int, by_frame: bool = True, slope: float = 0.095):
        self.by_frame = by_frame
        self.draw, self.slope, level = random.Random(frames), slope, 0.0
        self.kinds = ["P" if i % 32 else "I" for i in range(frames)]
        self.costs, self.qualities, self.sizes = [], [], []
        for kind in self.kinds:
            level += self.draw.gauss(0, 0.1)
            self.costs.append(level + self.draw.gauss(0, 0.1) + 3 * (kind == "I"))

    def code(self, control: RateControl) -> bool:
        """One pass; returns whether there should be another."""
        self.qualities.append([])
        structure = LowDelay(32) if self.by_frame else MCTF(32, 1, 0)
        rate, size = control.begin(structure, Rate(q=torch.tensor([control.base]))), HEADER
        for index, (kind, cost) in enumerate(zip(self.kinds, self.costs, strict=True)):
            own = rate.at(index)
            q = float(own.q)
            bits = 0.02 * PIXELS * 2 ** (cost + self.slope * q - 0.0004 * q**2 + self.draw.gauss(0, 0.02))
            packet = Packet(kind, index, bytes(int(bits / 8)), own.step)
            control.saw(packet)
            self.qualities[-1].append(q)
            size += len(packet_bytes(packet))
        self.sizes.append(size)
        return control.end_pass(size)

    def control(self, bpp: float, **options) -> RateControl:
        return RateControl(round(bpp * PIXELS * len(self.kinds) / 8), len(self.kinds), PIXELS, LAST, **options)


@pytest.mark.parametrize("frames", [5, 33, 200])
@pytest.mark.parametrize("bpp", [0.1, 0.4])
def test_one_quality_meets_a_size_in_a_few_passes(frames, bpp):
    video = Video(frames, by_frame=False)
    control = video.control(bpp)
    while video.code(control):
        pass
    assert abs(video.sizes[-1] / control.target - 1) < TOLERANCE
    assert len(video.sizes) <= 4
    assert all(len(set(qualities)) == 1 for qualities in video.qualities)


@pytest.mark.parametrize("frames", [33, 200])
@pytest.mark.parametrize("bpp", [0.1, 0.4])
@pytest.mark.parametrize(("slope", "passes"), [(0.095, 2), (0.12, 3)])
def test_qualities_by_frame_meet_it_sooner_and_differ_little(frames, bpp, slope, passes):
    video = Video(frames, slope=slope)
    control = video.control(bpp)
    while video.code(control):
        pass
    assert len(video.sizes) <= passes
    assert abs(video.sizes[-1] / control.target - 1) < TOLERANCE
    assert max(video.qualities[-1]) - min(video.qualities[-1]) < 12


@pytest.mark.parametrize("bpp", [0.1, 0.4])
def test_a_single_pass_meets_it_by_its_end(bpp):
    video = Video(200)
    control = video.control(bpp, single=True)
    video.code(control)
    assert abs(video.sizes[0] / control.target - 1) < TOLERANCE


@pytest.mark.parametrize(("bpp", "bound"), [(0.001, 0.0), (20.0, LAST)])
def test_what_the_codec_cannot_do_ends_at_its_bound(bpp, bound):
    video = Video(20)
    control = video.control(bpp)
    while video.code(control):
        assert len(video.sizes) < 5
    assert set(video.qualities[-1]) == {bound} and not control.meets(video.sizes[-1])
