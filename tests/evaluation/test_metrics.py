import numpy as np
import pytest
import torch

from lvc.config.metrics import decibels
from lvc.datasets.frames import to_bytes, to_tensor
from lvc.evaluation.metrics import QualityMeter, bits_per_pixel, psnr


def test_psnr_is_that_of_the_mean_squared_error():
    black = torch.zeros(1, 3, 8, 8)
    assert psnr(black, black + 0.1) == pytest.approx(20.0)


def test_psnr_of_equal_frames_is_finite():
    frame = torch.rand(1, 3, 8, 8)
    assert psnr(frame, frame) == 100


def test_the_mean_is_over_decibels_and_not_over_errors():
    meter, black = QualityMeter(("psnr",)), np.zeros((8, 8, 3), np.uint8)
    for error in (0.1, 0.01):
        meter.add(black, torch.full((1, 3, 8, 8), error))
    assert meter.summary()["psnr"] == pytest.approx((20 + 40) / 2)


def test_rounding_to_8_bits_is_reported_apart():
    meter, frame = QualityMeter(("psnr",)), np.full((8, 8, 3), 100, np.uint8)
    meter.add(frame, torch.full((1, 3, 8, 8), 100.4 / 255))
    assert meter.summary()["psnr"] < 60
    assert meter.summary()["psnr_8bit"] == 100


def test_reconstructions_are_clamped():
    meter = QualityMeter(("psnr",))
    meter.add(np.full((8, 8, 3), 255, np.uint8), torch.full((1, 3, 8, 8), 1.5))
    assert meter.psnr == [100]


def test_ms_ssim_of_equal_frames_is_one():
    meter, frame = QualityMeter(), np.random.default_rng(0).integers(0, 256, (176, 192, 3), np.uint8)
    meter.add(frame, to_tensor(frame))
    assert meter.summary()["ms_ssim"] == pytest.approx(1)


def test_small_frames_have_no_ms_ssim_and_say_why():
    meter, frame = QualityMeter(), np.zeros((160, 400, 3), np.uint8)
    meter.add(frame, to_tensor(frame))
    assert meter.summary()["ms_ssim"] is None
    assert "160" in meter.summary()["ms_ssim_missing"]


def test_ms_ssim_decibels():
    assert decibels(0.99) == pytest.approx(20)


def test_bits_per_pixel_counts_the_original_size():
    assert bits_per_pixel(1000, width=100, height=10, frames=8) == 1


def test_bytes_and_tensors_are_the_same_picture():
    frame = np.random.default_rng(0).integers(0, 256, (6, 4, 3), np.uint8)
    assert (to_bytes(to_tensor(frame)) == frame).all()
