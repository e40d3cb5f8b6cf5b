from dataclasses import replace

import pytest
import torch

from lvc.codec import ClipCoding, Rate
from lvc.config.run import LossConfig
from lvc.config.schedule import StageLossConfig
from lvc.errors import UserError
from lvc.layers.rate import QualityFactor
from lvc.training.losses import RateDistortionLoss


@pytest.fixture
def clip():
    torch.manual_seed(0)
    target = torch.rand(2, 3, 3, 192, 192)
    coding = ClipCoding(
        frames=target + 0.2 * torch.randn_like(target),
        bits={"motion": torch.rand(2, 3) * 1e4, "frame": torch.rand(2, 3) * 1e5},
        predictions=target + 0.1 * torch.randn_like(target),
    )
    return coding, target


def test_loss_is_lambda_times_mse_of_unclamped_frames_plus_bits_per_pixel(clip):
    coding, target = clip
    stage = StageLossConfig(distortion={"frame": 1.0, "prediction": 0.5}, rate={"motion": 2.0, "frame": 1.0})
    loss, terms = RateDistortionLoss(stage, LossConfig())(coding, target, Rate(lmbda=torch.tensor([256.0, 1024.0])))
    expected = 0.0
    for b, lmbda in enumerate((256, 1024)):
        for t in range(3):
            frame = ((coding.frames[b, t] - target[b, t]) ** 2).mean()
            prediction = ((coding.predictions[b, t] - target[b, t]) ** 2).mean()
            bits = 2 * coding.bits["motion"][b, t] + coding.bits["frame"][b, t]
            expected += lmbda * (frame + 0.5 * prediction) + bits / (192 * 192)
    torch.testing.assert_close(loss, expected / 6)
    bpp = {name: bits.mean() / 192**2 for name, bits in coding.bits.items()}
    torch.testing.assert_close(terms["bits/motion"], bpp["motion"])
    torch.testing.assert_close(terms["train/bpp"], bpp["motion"] + bpp["frame"])
    assert not any(term.requires_grad for term in terms.values())


def test_lambda_and_metric_of_the_stage_win():
    loss = RateDistortionLoss(StageLossConfig(lmbda=8, metric="ms_ssim"), LossConfig(lmbda=256))
    assert (loss.lmbda, loss.metric) == (8, "ms_ssim")
    assert loss.rate(2, "cpu").lmbda.tolist() == [8, 8]


def test_ms_ssim_of_equal_frames_costs_nothing_and_prediction_stays_mse(clip):
    coding, target = clip
    same = ClipCoding(frames=target, bits={}, predictions=coding.predictions)
    loss = RateDistortionLoss(StageLossConfig(metric="ms_ssim"), LossConfig(lmbda=8))
    assert loss(same, target, loss.rate(2, "cpu"))[0].abs() < 1e-4
    assert loss(coding, target, loss.rate(2, "cpu"))[0] > 0.01
    align = RateDistortionLoss(StageLossConfig(metric="ms_ssim", distortion={"prediction": 1.0}), LossConfig(lmbda=8))
    expected = 8 * (coding.predictions - target).square().mean()
    torch.testing.assert_close(align(coding, target, align.rate(2, "cpu"))[0], expected)


def test_loss_is_float32_under_autocast(clip):
    coding, target = clip
    loss = RateDistortionLoss(StageLossConfig(rate={"frame": 1.0}), LossConfig())
    full = loss(coding, target, loss.rate(2, "cpu"))[0]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = loss(coding, target, loss.rate(2, "cpu"))[0]
    assert mixed.dtype == torch.float32 and mixed == full


def test_missing_prediction_is_named(clip):
    coding, target = clip
    loss = RateDistortionLoss(StageLossConfig(distortion={"prediction": 1.0}), LossConfig())
    with pytest.raises(UserError, match=r"loss\.distortion\.prediction"):
        loss(ClipCoding(frames=coding.frames, bits={}), target, loss.rate(2, "cpu"))


def test_a_variable_rate_draws_a_quality_per_clip_and_weighs_it_with_its_lambda(clip):
    _, target = clip
    loss = RateDistortionLoss(StageLossConfig(), LossConfig(lmbda=10, lmbda_max=1000), qualities=21)
    drawn = [loss.rate(len(target), "cpu", draw=True) for _ in range(200)]
    q = torch.cat([rate.q for rate in drawn])
    assert set(q.tolist()) == set(range(21))
    lmbda = torch.cat([rate.lmbda for rate in drawn])
    assert torch.allclose(lmbda, 10 * 100 ** (q / 20), rtol=1e-4)
    middle = loss.rate(2, "cpu")
    assert middle.q.tolist() == [10, 10]
    assert middle.lmbda.tolist() == pytest.approx([100, 100])
    assert loss.lmbda == pytest.approx(100)
    stage = RateDistortionLoss(StageLossConfig(lmbda=1), LossConfig(lmbda=10, lmbda_max=1000), qualities=21)
    assert stage.range == (1, 100)


def test_a_single_quality_is_a_fixed_rate(clip):
    _, target = clip
    loss = RateDistortionLoss(StageLossConfig(), LossConfig(lmbda=10), qualities=1)
    rate = loss.rate(len(target), "cpu", draw=True)
    assert (rate.q.tolist(), rate.lmbda.tolist()) == ([0, 0], pytest.approx([10, 10]))
    factor = QualityFactor((0.25, 4.0), 1)(rate.q)
    assert factor.flatten().tolist() == pytest.approx([0.25, 0.25])


def test_places_in_a_period_weigh_distortions(clip):
    coding, target = clip
    coding = replace(coding, bits={}, indices=(0, 1, 2))
    stage = StageLossConfig(period=(0.5, 2.0))
    weighed, _ = RateDistortionLoss(stage, LossConfig())(coding, target, Rate(lmbda=torch.ones(2)))
    errors = (coding.frames - target).square().mean((0, 2, 3, 4))
    torch.testing.assert_close(weighed, (errors * torch.tensor([1.0, 0.5, 2.0])).mean())


def test_balance_gives_unlike_qualities_a_like_weight(clip):
    coding, target = clip
    rate = Rate(lmbda=torch.tensor([100.0, 10_000.0]), q=torch.tensor([0.0, 20.0]))
    plain, even = (
        RateDistortionLoss(
            StageLossConfig(rate={"frame": 1.0}, balance=balance), LossConfig(lmbda=100, lmbda_max=10_000), 21
        )
        for balance in (0.0, 0.5)
    )
    assert even.lmbda == pytest.approx(1000)
    alone = [
        plain(
            ClipCoding(coding.frames[i : i + 1], {"frame": coding.bits["frame"][i : i + 1]}),
            target[i : i + 1],
            Rate(lmbda=rate.lmbda[i : i + 1]),
        )[0]
        for i in range(2)
    ]
    torch.testing.assert_close(even(coding, target, rate)[0], (alone[0] * 10**0.5 + alone[1] / 10**0.5) / 2)


def test_qualities_are_drawn_real_and_move_from_frame_to_frame():
    loss = RateDistortionLoss(
        StageLossConfig(real=True, jitter=3.0), LossConfig(lmbda=10, lmbda_max=1000), qualities=64
    )
    rate = loss.rate(200, "cpu", draw=True, frames=5)
    assert rate.q.shape == rate.lmbda.shape == (200, 5)
    assert rate.q.min() >= 0 and rate.q.max() <= 63
    assert (rate.q != rate.q.round()).float().mean() > 0.9
    spread = (rate.q.amax(1) - rate.q.amin(1)).max()
    assert 4 < spread <= 6
    torch.testing.assert_close(rate.lmbda, 10 * 100 ** (rate.q / 63))
    whole = RateDistortionLoss(StageLossConfig(), LossConfig(lmbda=10, lmbda_max=1000), qualities=64)
    assert torch.equal(whole.rate(50, "cpu", draw=True).q % 1, torch.zeros(50))


def test_each_frame_is_weighed_by_its_own_lambda(clip):
    coding, target = clip
    coding = replace(coding, bits={}, indices=(0, 1, 2))
    lmbda = torch.tensor([[1.0, 2.0, 4.0], [3.0, 1.0, 5.0]])
    loss, _ = RateDistortionLoss(StageLossConfig(), LossConfig())(coding, target, Rate(lmbda=lmbda))
    torch.testing.assert_close(loss, (lmbda * (coding.frames - target).square().mean((2, 3, 4))).mean())
    last = ClipCoding(coding.frames[:, 2:], {}, indices=(2,))
    loss, _ = RateDistortionLoss(StageLossConfig(), LossConfig())(last, target[:, 2:], Rate(lmbda=lmbda))
    torch.testing.assert_close(loss, (lmbda[:, 2] * (coding.frames - target)[:, 2].square().mean((1, 2, 3))).mean())
