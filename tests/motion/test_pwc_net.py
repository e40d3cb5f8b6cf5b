"""PWC-Net: its size, its start, and that codecs and stages take it as they take SpyNet."""

import csv

import pytest
import torch

from lvc.codec import FrameJob, Rate
from lvc.config.contract import ConfigError
from lvc.entropy.streams import Estimate
from lvc.errors import UserError
from lvc.export import load_parts
from lvc.motion.pwc_net import PWCNet
from lvc.training.run import train
from tests.conftest import moving_clip, tiny_codec, tiny_config
from tests.models import codec_b_canf, test_maskcrt_b
from tests.training.flow.test_run import flow_run

TINY = {"features": [4, 4, 6, 6, 8, 8], "decoder": [8, 6], "context": [6, 6, 6, 4, 4, 4]}
FLOW = {"name": "pwc", "pwc": TINY}


def test_the_networks_size_is_that_of_the_authors():
    assert sum(p.numel() for p in PWCNet().parameters()) == 9_374_274


def test_a_fresh_network_sees_little_motion_and_every_weight_can_learn():
    frame, reference = moving_clip(2, 128, 64).unbind(1)
    network = PWCNet(**TINY)
    flows = list(network.pyramid(frame, reference))
    assert [tuple(f.shape[-2:]) for f in flows] == [(2, 1), (4, 2), (8, 4), (16, 8), (32, 16), (128, 64)]
    assert flows[-1].abs().mean() < 2
    (flows[-1] - 3).square().mean().backward()
    # what features hands to the second level moves once its enlargement does; all others move at once
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    assert sum(float(p.grad.abs().sum()) > 0 for p in network.parameters()) > 0.9 * len(list(network.parameters()))


def test_it_learns_the_motion_of_scenes_from_a_random_start(tmp_path):
    stage = {"train": ["network"], "on_enter": {}, "flow": {"epe": 1.0}, "crop": 64, "steps": 60, "batch_size": 8}
    scenes = {"min_motion": 4, "height": 64, "width": 64, "shapes": 16}
    model = {"name": "pwc_net"} | TINY
    run, data = flow_run(tmp_path, ("joint",), model, {"lr": 3e-3}, stage, dataset=scenes)
    export = train(run, data)
    with (tmp_path / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["train/epe"]]
    ratios = [float(row["train/epe"]) / float(row["train/epe_zero"]) for row in rows]
    assert sum(ratios[-10:]) / 10 < 0.95 * sum(ratios[:10]) / 10
    assert load_parts(tiny_codec(flow=FLOW), export, ("flow",)) == ["flow"]
    with pytest.raises(UserError, match="part 'flow' of 'pwc_net' is missing or of another shape"):
        load_parts(tiny_codec(), export, ("flow",))


CODECS = {"dcvc_tcm": tiny_codec, "b_canf": codec_b_canf.tiny_codec, "maskcrt_b": test_maskcrt_b.tiny_codec}


@pytest.mark.parametrize("make", CODECS.values(), ids=CODECS)
def test_codecs_of_any_frame_size_decode_with_it(make):
    codec, clip = make(flow=FLOW), moving_clip(3, 70, 132).unbind(1)
    encoded = list(codec.encode(clip, Rate()))
    decoded = list(codec.decode((e.packet for e in encoded), (70, 132), Rate()))
    assert all(torch.equal(decoded[e.packet.index], e.frame) for e in encoded)


def test_a_codecs_stage_can_train_it():
    codec, clip = codec_b_canf.tiny_codec(flow=FLOW), moving_clip(3, 64, 64)
    codec.requires_grad_(False)
    codec.flow.requires_grad_(True)
    state = tuple({"frame": clip[:, at]} for at in (0, 2))
    coding = codec.code_frame(
        FrameJob("b", clip[:, 1], state, Estimate(training=True), Rate(), (64, 64), motion_only=True)
    )
    coding.distortions["estimated_motion"].sum().backward()
    assert codec.flow.levels[-1].flow.weight.grad.abs().sum() > 0


def test_there_are_no_weights_of_it_to_start_from():
    with pytest.raises(ConfigError, match=r"^flow\.pretrained: no weights come with the package for pwc; train some"):
        tiny_config(flow={**FLOW, "pretrained": True})
