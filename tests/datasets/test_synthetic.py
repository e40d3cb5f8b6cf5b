"""Synthetic scenes: exact flow, natural statistics, the same for ever."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lvc.config.data import SyntheticConfig
from lvc.datasets.synthetic import SyntheticClips


def scenes(**options):
    size = {"height": 128, "width": 160, "shapes": 40} | options
    return SyntheticClips(SyntheticConfig(name="synthetic", **size))


def warp(reference, flow):
    height, width = flow.shape[1:]
    y, x = np.mgrid[:height, :width]
    grid = np.stack([2 * (x + flow[0]) / (width - 1) - 1, 2 * (y + flow[1]) / (height - 1) - 1], -1)
    image = torch.from_numpy(reference).permute(2, 0, 1)[None].double()
    warped = F.grid_sample(image, torch.from_numpy(grid)[None], align_corners=True, padding_mode="border")
    return warped[0].permute(1, 2, 0).numpy()


def psnr(a, b, where):
    return 10 * np.log10(255**2 / ((a.astype(float) - b)[where] ** 2).mean())


def visible(source, index, t, step=1):
    """Pixels shown in both frames, away from edges, where colours of two layers mix."""
    hidden = torch.from_numpy(source.occlusion(index, t, step))[None].float()
    flow = torch.from_numpy(source.flow(index, t, step))
    jumps = torch.zeros_like(hidden)
    jumps[:, :, 1:] = (flow[:, :, 1:] - flow[:, :, :-1]).abs().amax(0) > 0.1
    jumps[:, 1:] = torch.maximum(jumps[:, 1:], ((flow[:, 1:] - flow[:, :-1]).abs().amax(0) > 0.1).float())
    edges = F.max_pool2d(torch.maximum(hidden, jumps), 7, 1, 3)[0]
    return (edges == 0).numpy()


@pytest.mark.parametrize("step", [1, 3])
def test_flow_predicts_the_frame(step):
    source = scenes()
    gains, warped = [], []
    for index in range(8):
        t = 4
        reference, frame = source.read(index, t - step, 2, step)
        where = visible(source, index, t, step)
        assert where.mean() > 0.3
        warped.append(psnr(warp(reference, source.flow(index, t, step)), frame, where))
        gains.append(warped[-1] - psnr(reference, frame, where))
    assert np.mean(warped) > 38 and np.mean(gains) > 10


def test_flow_points_from_the_frame_to_its_reference():
    # The flow at a point of the background must be where the scene's own transform puts it.
    source = scenes(shapes=1)
    scene = source.scene(0)
    (turn, shift), (turn_ref, shift_ref) = scene.poses(3)[0], scene.poses(2)[0]
    flow = source.flow(0, 3)
    assert flow.dtype == np.float32 and flow.shape == (2, 128, 160)
    y, x = np.argwhere(scene._render([3], paint=False)[1][0].numpy() == 0)[0]
    there = shift_ref + turn_ref * (complex(x, y) - shift) / turn
    assert np.allclose(flow[:, y, x], [there.real - x, there.imag - y], atol=1e-4)


EFFECTS = {"thin": 0.3, "defocus": 0.5, "blur": 1.5, "motion_blur": 1.0, "noise": 8.0, "lighting": 0.2}


def test_a_pair_is_the_same_as_its_frames_and_its_flow():
    source = scenes(**EFFECTS)
    for index in range(3):
        pair = source.pair(index, 3, 2)
        # to rounding: products of larger matrices may be summed in another order, which moves the odd edge
        different = np.abs(pair.frames.astype(int) - source.read(index, 2, 2)) > 1
        assert different.mean() < 0.01
        assert np.array_equal(pair.flow, source.flow(index, 3))
        assert np.array_equal(pair.occluded, source.occlusion(index, 3))


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_change_pictures_and_never_flow(effect):
    plain, changed = scenes(), scenes(**{effect: EFFECTS[effect]})
    pairs = [(plain.pair(i, 3, 2), changed.pair(i, 3, 2)) for i in range(6)]
    # about half of the scenes are left as they are, but for what their shapes are
    assert any(not np.array_equal(a.frames, b.frames) for a, b in pairs)
    if effect not in ("thin", "defocus"):
        assert all(np.array_equal(a.flow, b.flow) for a, b in pairs)
        assert all(np.array_equal(a.occluded, b.occluded) for a, b in pairs)


def test_speeds_of_scenes_spread_between_least_and_largest():
    fast = [np.hypot(*scenes(max_motion=64.0).flow(i, 3)).max() for i in range(12)]
    spread = [np.hypot(*scenes(min_motion=0.5, max_motion=64.0).flow(i, 3)).max() for i in range(12)]
    assert 10 < max(fast) <= 64 and np.median(spread) < np.median(fast) / 2


def test_turning_and_zooming_bend_the_flow():
    source = scenes(turning=0.25, shapes=1)
    for index in range(4):
        flow = source.flow(index, 3)[:, ::16, ::16]
        assert np.ptp(flow[0]) > 0.05 or np.ptp(flow[1]) > 0.05


def test_parallax_lets_layers_differ_under_a_moving_camera():
    def depths(parallax):
        return {round(layer.depth, 6) for layer in scenes(parallax=parallax).scene(0).layers}

    assert depths(0.0) == {1.0} and len(depths(0.6)) > 10


def test_cached_pairs_are_drawn_once():
    source = scenes(cache=True)
    assert source.pair(0, 2, 1) is source.pair(0, 2, 1)
    assert scenes().pair(0, 2, 1) is not scenes().pair(0, 2, 1)


def test_no_point_moves_further_than_asked_for():
    source = scenes(max_motion=5.0)
    speeds = [np.hypot(*source.flow(i, t)) for i in range(10) for t in (1, 5)]
    assert 2 < max(s.max() for s in speeds) <= 5
    still = scenes(max_motion=0.0)
    assert np.abs(still.flow(0, 1)).max() < 1e-9 and not still.occlusion(0, 1).any()
    frames = still.read(0, 0, 2)
    assert np.array_equal(*frames)


def test_moves_by_parts_of_a_pixel_and_layers_differ():
    flow = scenes().flow(0, 1)
    assert np.abs(flow - flow.round()).mean() > 0.05
    assert np.hypot(*flow).std() > 0.1


def test_hidden_areas_exist_and_are_small():
    shares = [scenes().occlusion(i, 1).mean() for i in range(5)]
    assert min(shares) > 0 and max(shares) < 0.2


def test_scene_depends_on_its_number_alone():
    whole, later = scenes(clips=20), scenes(clips=5, first=10)
    assert np.array_equal(whole.read(12, 0, 3), later.read(2, 0, 3))
    assert np.array_equal(whole.read(12, 2, 1), whole.read(12, 0, 3)[2:])
    assert whole.name(12) == later.name(2)
    digests = {hashlib.sha256(whole.read(i, 0, 1).tobytes()).digest() for i in range(20)}
    assert len(digests) == 20


def test_spectrum_falls_like_that_of_natural_pictures():
    source = scenes(height=256, width=256, shapes=60)
    grey = np.concatenate([source.read(i, 0, 1) for i in range(8)]).mean(-1)
    window = np.hanning(256)[:, None] * np.hanning(256)
    power = (np.abs(np.fft.fft2((grey - grey.mean((1, 2), keepdims=True)) * window)) ** 2).mean(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    bands = np.geomspace(0.02, 0.3, 9)
    means = [power[(frequency >= a) & (frequency < b)].mean() for a, b in pairwise(bands)]
    slope = np.polyfit(np.log(np.sqrt(bands[1:] * bands[:-1])), np.log(means), 1)[0]
    assert -3.3 < slope < -1.7  # power of natural pictures falls about as 1/f^2


def test_frames_use_the_whole_range():
    frames = np.concatenate([scenes().read(i, 0, 1) for i in range(10)])
    assert frames.dtype == np.uint8
    assert frames.std() > 35 and 90 < frames.mean() < 165
    assert ((frames == 0) | (frames == 255)).mean() < 0.15
