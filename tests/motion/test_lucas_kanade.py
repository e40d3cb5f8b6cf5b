import torch
from torch.nn import functional as F

from lvc.motion.lucas_kanade import refinement
from lvc.motion.warp import warp
from tests.conftest import moving_clip


def test_steps_find_a_shift_between_pixels():
    reference = moving_clip(1, 96, 96)[:, 0]
    true = torch.tensor([0.7, -0.45])[None, :, None, None].expand(1, 2, 96, 96)
    frame = warp(reference, true, "bicubic")
    flow = torch.zeros(1, 2, 12, 12)
    errors = []
    for _ in range(3):
        flow = flow + refinement(flow, frame, reference)
        errors.append(float((flow - true[..., :12, :12])[..., 1:-1, 1:-1].norm(dim=1).mean()))
    assert errors[0] < 0.25 and errors[2] < 0.08


def test_what_motion_predicts_already_is_left_alone():
    reference = moving_clip(1, 64, 64)[:, 0]
    assert refinement(torch.zeros(1, 2, 8, 8), reference, reference).abs().max() < 1e-3


def test_flat_pictures_and_noise_move_nothing_far():
    torch.manual_seed(0)
    flat, noise = torch.full((1, 3, 64, 64), 0.5), torch.rand(1, 3, 64, 64)
    assert refinement(torch.zeros(1, 2, 8, 8), flat + 0.1, flat).abs().max() < 1e-3
    assert refinement(torch.zeros(1, 2, 8, 8), noise, F.pad(noise, (9, 0, 0, 0))[..., :64]).abs().max() <= 1
