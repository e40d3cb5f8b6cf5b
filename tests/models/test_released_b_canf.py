from pathlib import Path

import pytest
import torch

from lvc.codec import FrameJob, Rate
from lvc.config.b_canf import BCANFConfig
from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.entropy.streams import Estimate
from lvc.export import load_export, save_export
from lvc.importers.released_b_canf import b_canf_weights
from lvc.models.build import build_codec
from tests.commands import assert_refused, lvc
from tests.conftest import moving_clip
from tests.models.reference_b_canf import ReleasedB

INTRA = {"name": "intra_cheng2020", "size": "tiny", "channels": 8}


@pytest.fixture(scope="module")
def released():
    """Random values under the released names."""
    keys = (Path(__file__).parent / "released_b_canf.txt").read_text().split()
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in zip(keys[::2], keys[1::2], strict=True):
        size = [int(n) for n in shape.split("x")]
        fan_in = torch.Size(size[1:]).numel() if len(size) == 4 else 1
        weights[name] = torch.randn(size, generator=generator) * (0.7 / fan_in**0.5 if fan_in > 1 else 0.1)
        if len(size) == 2 and size[0] == size[1]:  # the gamma of a GDN, and its beta
            weights[name] = weights[name].abs() * 0.3 + 0.02
            weights[name.replace("weight", "bias")] = torch.rand(size[0], generator=generator) + 0.5
        elif size == [1]:  # a PReLU
            weights[name] = weights[name].abs()
        elif "factorizer" in name and name.endswith("weight"):
            weights[name] = weights[name] + 1
    return weights


def test_an_imported_network_computes_what_the_released_one_does(released):
    assert len(released) == 850
    config = {"name": "b_canf", "normalise": True, "clamp_references": False, "intra": INTRA}
    codec = build_codec(build(BCANFConfig, config)).eval()
    missing, unexpected = codec.load_state_dict(b_canf_weights(released, "test").weights, strict=False)
    assert not unexpected
    assert all(name.startswith("intra.") or name.split(".")[-1] in BUFFERS for name in missing), missing
    frame, first, second = moving_clip(3, 64, 128).unbind(1)
    for kind, future in (("B", second), ("P", first)):
        with torch.no_grad():
            theirs = ReleasedB(released)(kind, frame, first, future)
            state = ({"frame": first}, {"frame": future})
            coding = codec.code_frame(FrameJob(kind, frame, state, Estimate(training=False), Rate(), (64, 128)))
        for name in ("flow", "prediction", "frame"):
            wanted = theirs[name]
            assert (getattr(coding, name) - wanted).abs().max() < 1e-4 * wanted.abs().max(), (kind, name)
        for name, bits in theirs["bits"].items():
            assert coding.bits[name].item() == pytest.approx(bits.item(), rel=1e-3, abs=1), (kind, name)


BUFFERS = {"_offset", "_quantized_cdf", "_cdf_length", "target", "bound"}


@pytest.fixture(scope="module")
def intra(tmp_path_factory):
    """A small intra codec's export, so that not every import writes a large one."""
    config = build(ModelConfig, INTRA)
    return save_export(tmp_path_factory.mktemp("intra") / "intra.safetensors", build_codec(config), config, {})


def test_a_released_checkpoint_is_imported_without_its_intra_codec(tmp_path, released, intra):
    torch.save({"state_dict": {**released, "IntraCodec.network.PA.weight": torch.zeros(3)}}, tmp_path / "psnr_3.pth")
    done = lvc("import", "b_canf", "psnr_3.pth", "out.safetensors", "--intra", intra, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "out.safetensors: 848 tensors of psnr_3.pth imported",
        "  1 left out: intra codec: the release's own, ANFIC, is not here",
        "  2 left out: means and deviations of pictures: constants here",
    ]
    export = load_export(tmp_path / "out.safetensors")
    weights = export.codec.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in b_canf_weights(released, "").weights.items())
    assert export.config.normalise and not export.config.clamp_references


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"FSNet.network.synth.tail.3.bias": None},
            "has no tensor for 'synthesis.grid.tail.3.bias' (1 missing in all)",
        ),
        ({"MENet.network.Blocks.6.0.bias": torch.zeros(2)}, "tensor for 'flow.levels.6.0.bias' has no place"),
        ({"MPNet.network.blocks.0.layers.3.bias": torch.zeros(3)}, "'predictor.blocks.0.up.bias' is of shape (3,)"),
        ({"backbone.conv.weight": torch.zeros(3)}, "'backbone.conv.weight' is no tensor of B-CANF"),
    ],
)
def test_a_checkpoint_that_does_not_fit_names_the_tensor(tmp_path, released, intra, change, message):
    torch.save({n: t for n, t in {**released, **change}.items() if t is not None}, tmp_path / "wrong.pth")
    done = lvc("import", "b_canf", "wrong.pth", "out.safetensors", "--intra", intra, cwd=tmp_path)
    assert_refused(done, "wrong.pth: ", message)
