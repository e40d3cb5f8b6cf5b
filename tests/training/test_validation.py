import math
from pathlib import Path

import pytest
import torch

from lvc.config.run import AnchorConfig
from lvc.datasets.clips import WholeClips, fixed_subset
from lvc.datasets.sources import open_source
from lvc.entropy.streams import Estimate
from lvc.export import load_export
from lvc.models.build import build_codec
from lvc.training.losses import RateDistortionLoss
from lvc.training.rows import read_rows
from lvc.training.run import train
from lvc.training.validation import Validator, measure


@pytest.fixture
def codec(tiny):
    torch.manual_seed(0)
    return build_codec(tiny()[0].model).eval()


@pytest.fixture
def loss(tiny):
    run, _ = tiny(["joint"])
    return RateDistortionLoss(run.schedule.stages["joint"].loss, run.loss)


def test_figures_are_those_computed_by_hand(codec, loss):
    clip = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    found = measure(codec, clip, loss).metrics
    with torch.no_grad():
        coding = codec(clip[None].float() / 255, loss.rate(1, "cpu"), Estimate(training=False))
    errors = [((coding.frames[0, t].clamp(0, 1) - clip[t] / 255) ** 2).mean().item() for t in range(3)]
    bpp = {name: bits.sum().item() / (3 * 64 * 64) for name, bits in coding.bits.items()}
    assert found["val/psnr"] == pytest.approx(sum(-10 * math.log10(e) for e in errors) / 3, rel=1e-5)
    assert found["val/bpp"] == pytest.approx(sum(bpp.values()), rel=1e-5)
    assert found["val/bpp_motion"] == pytest.approx(bpp["motion"], rel=1e-5)
    assert found["val/loss"] == pytest.approx(256 * sum(errors) / 3 + sum(bpp.values()), rel=1e-5)


def test_copy_baseline_repeats_the_first_decoded_frame_for_its_bits(codec, loss):
    clip = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    found = measure(codec, clip, loss).metrics
    with torch.no_grad():
        coding = codec(clip[None].float() / 255, loss.rate(1, "cpu"), Estimate(training=False))
    copied = coding.frames[0, :1].clamp(0, 1)
    errors = ((copied - clip / 255) ** 2).mean((1, 2, 3))
    bits = float(coding.bits["intra"].sum() + coding.bits["intra_hyper"].sum())
    assert found["val/psnr_copy"] == pytest.approx(float((-10 * errors.log10()).mean()), rel=1e-5)
    assert found["val/loss_copy"] == pytest.approx(256 * float(errors.mean()) + bits / (2 * 64 * 64), rel=1e-5)


def test_bits_count_against_the_size_before_padding(codec, loss):
    clip = torch.randint(0, 256, (2, 3, 50, 70), dtype=torch.uint8)
    figures = measure(codec, clip, loss, picture=True)
    padded = torch.nn.functional.pad(clip.float() / 255, (0, 58, 0, 14), mode="replicate")
    with torch.no_grad():
        coding = codec(padded[None], loss.rate(1, "cpu"), Estimate(training=False))
    bits = sum(float(b.sum()) for b in coding.bits.values())
    assert figures.metrics["val/bpp"] == pytest.approx(bits / (2 * 50 * 70), rel=1e-5)
    assert figures.panel.shape == (3, 50, 4 * 70) and figures.panel.dtype == torch.uint8
    assert torch.equal(figures.panel[:, :, :70], clip[-1])


def test_rate_difference_to_an_anchor_is_logged(codec):
    anchor = AnchorConfig(name="x265", bpp=(0.1, 0.2, 0.4, 0.8), psnr=(30, 33, 36, 39))
    validator = Validator([], None, 0, anchor)
    found = validator._against_anchor({"val/bpp": 0.4, "val/psnr": 33.0})
    assert found["val/bd_rate"] == pytest.approx(100, abs=1)


def test_a_subset_is_validated_while_training_and_all_clips_once_at_the_end(tiny):
    held = {"name": "synthetic", "clips": 5, "clip_frames": 2, "height": 64, "width": 64, "shapes": 6, "first": 1000}
    run, data = tiny(["motion", "frame"], validation=held, trainer={"validation_clips": 2}, stage={"steps": 1})
    export = load_export(train(run, data))
    stages = export.info["provenance"]["stages"]
    assert [("whole" in stage, "after" in stage) for stage in stages.values()] == [(False, True), (True, True)]
    source, lossy = open_source(run.validation), RateDistortionLoss(run.schedule.stages["frame"].loss, run.loss)
    few = fixed_subset(source, 2)
    for when, clips in (("after", few), ("whole", range(5))):
        items = WholeClips(source, 2, clips=clips)
        psnrs = [measure(export.codec, item["clip"], lossy).metrics["val/psnr"] for item in items]
        assert stages["frame"][when]["val/psnr"] == pytest.approx(sum(psnrs) / len(psnrs), rel=1e-5)
    rows = read_rows(Path(run.dir, "metrics.csv"))
    assert sum(bool(row.get("whole/psnr")) for row in rows) == 1
    assert "all 5 validation clips: " in Path(run.dir, "summary.txt").read_text()
