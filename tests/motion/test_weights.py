"""The flow networks that come with the package."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from lvc.config.contract import ConfigError
from lvc.config.data import SyntheticConfig
from lvc.config.parts import FLOW_WEIGHTS, SpyNetConfig, shipped_flow, shipped_widths
from lvc.datasets.flow_pairs import EFFECTS, item
from lvc.datasets.folder import FolderClips
from lvc.datasets.synthetic import SyntheticClips
from lvc.export import load_export, read_export, save_export
from lvc.layers.quality import psnr
from lvc.models.spynet import FlowNetwork
from lvc.motion.spynet import SpyNet, fit_pyramid
from lvc.motion.warp import warp
from lvc.training.flow.validation import errors_by_motion, estimate
from lvc.training.run import train
from lvc.training.ship import ship

TINY, FULL = (8, 16, 8, 8), (32, 64, 32, 16)


def shipped(widths, levels=6) -> FlowNetwork:
    export = load_export(shipped_flow(widths), codec_only=False)
    network = FlowNetwork(type(export.config)(name="spynet", widths=widths, levels=levels)).eval()
    network.flow.load_state_dict(fit_pyramid(export.codec.flow.state_dict(), network.flow))
    return network.requires_grad_(False)


def test_they_are_small_and_say_how_they_were_made():
    assert shipped_widths() == [FULL, TINY]
    assert sum(path.stat().st_size for path in FLOW_WEIGHTS.iterdir()) < 4e6
    for widths in shipped_widths():
        header, _, tensors = read_export(shipped_flow(widths))
        assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
        assert header["config"]["name"] == "spynet" and header["config"]["levels"] == 6
        assert header["provenance"]["config"]["schedule"]["stages"]
        with safe_open(shipped_flow(widths), "pt") as file:
            text = json.loads(file.metadata()["lvc"])
        assert '"/' not in json.dumps(text) and "=/" not in json.dumps(text)  # folders of a machine


@pytest.mark.parametrize(("widths", "levels"), [(TINY, 6), (TINY, 4), (FULL, 5)])
def test_they_see_the_motion_of_scenes(widths, levels):
    config = SyntheticConfig(
        name="synthetic", first=3_000_000, height=128, width=128, min_motion=2, max_motion=12, **EFFECTS
    )
    scenes, network, errors, lengths = SyntheticClips(config), shipped(widths, levels), [], []
    for index in range(5):
        pair = scenes.pair(index, 3, 2)
        sample = item(pair.frames, pair.flow, pair.occluded)
        reference, frame = sample["clip"].float().div(255)
        found = errors_by_motion(estimate(network, frame[None], reference[None])[0], sample["flow"])
        errors.append(found["val/epe"])
        lengths.append(found["val/epe_zero"])
    assert np.mean(errors) < 0.7 * np.mean(lengths)


def test_they_predict_real_frames_better_than_a_copy(clips):
    source, gains = FolderClips(str(clips / "test"), "*_416x240*"), []
    for index in range(len(source)):
        pictures = torch.from_numpy(source.read(index, 0, 2)).permute(0, 3, 1, 2).float() / 255
        reference, frame = pictures[:1], pictures[1:]
        warped = warp(reference, estimate(shipped(TINY), frame, reference))
        gains.append(float(psnr(warped[None], frame[None]) - psnr(reference[None], frame[None])))
    assert min(gains) > 0 and np.mean(gains) > 1


def test_a_codec_starts_from_them_and_its_export_says_so(tiny_flow_run):
    run, data = tiny_flow_run({"pretrained": True})
    export = load_export(train(run, data))
    mine, theirs = export.codec.flow.levels[3][0].weight, shipped(TINY).flow.levels[5][0].weight
    assert torch.equal(mine, theirs)  # the stage trained other parts
    assert export.config.flow.pretrained
    digest = read_export(shipped_flow(TINY))[1]
    assert export.info["provenance"]["started_from"] == {"model.flow.pretrained": digest}


@pytest.fixture
def tiny_flow_run(tmp_path):
    """A run of one step over frames, with the tiny flow network and options of its own."""
    from lvc.config.run import build_run
    from tests.training.conftest import TINY as MODEL
    from tests.training.conftest import compose

    def make(flow):
        data = compose(tmp_path, stage={"steps": 1})
        data["model"] = {**MODEL, "flow": {"widths": list(TINY), **flow}}
        return build_run(data), data

    return make


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({"pretrained": True, "widths": (9, 9, 9, 9)}, "pretrained: no weights come with the package for widths [9, 9"),
        ({"pretrained": True, "weights": "flow.safetensors"}, "weights: pretrained=true has weights already"),
    ],
)
def test_what_cannot_be_loaded_is_refused_at_once(flow, message):
    with pytest.raises(ValueError) as refused:
        SpyNetConfig(**flow)
    assert message in str(refused.value)


def test_the_option_is_named_in_full(tiny_flow_run):
    with pytest.raises(ConfigError, match=r"^model\.flow\.pretrained: no weights come with the package for widths"):
        tiny_flow_run({"pretrained": True, "widths": [9, 9, 9, 9]})


def test_shipping_halves_the_file_and_keeps_no_folders(tmp_path):
    export = load_export(shipped_flow(TINY), codec_only=False)
    facts = {"config": {"dir": "/home/someone/runs/flow"}, "command": ["train.py", "dir=/home/someone/runs/flow"]}
    path = save_export(tmp_path / "flow.safetensors", export.codec, export.config, facts)
    half = ship(path, [path], tmp_path / "half.safetensors")
    assert half.stat().st_size < 0.6 * path.stat().st_size
    header, digest, _ = read_export(half)
    assert header["provenance"]["config"]["dir"] == "flow" and header["provenance"]["command"][1] == "dir=flow"
    assert header["provenance"]["earlier"][0]["config"]["dir"] == "flow"
    assert header["provenance"]["full_precision"] == read_export(path)[1] != digest
    assert len(SpyNet(6, TINY).levels) == len(load_export(half, codec_only=False).codec.flow.levels)
