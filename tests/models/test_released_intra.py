"""Intra codecs of CompressAI's zoo and of the DCVC-TCM release: every generation of names, against CompressAI's own."""

import re

import pytest
import torch
from compressai.models import Cheng2020Anchor, JointAutoregressiveHierarchicalPriors, ScaleHyperprior

from lvc.codec import Rate
from lvc.entropy.streams import Estimate
from lvc.errors import UserError
from lvc.importers.zoo import zoo_entry
from tests.commands import assert_refused, lvc
from tests.conftest import moving_clip
from tests.models.importing import imported, run_import

THEIRS = {
    "intra_bmshj2018_hyperprior": lambda: ScaleHyperprior(8, 12),
    "intra_mbt2018": lambda: JointAutoregressiveHierarchicalPriors(8, 12),
    "intra_cheng2020_anchor": lambda: Cheng2020Anchor(8),
    "intra_cheng2020": lambda: Cheng2020Anchor(8),  # of which IntraNoAR has all but the context model
}
CONTEXT = ("context_prediction.", "entropy_parameters.")
GENERATIONS = {
    "biases.0": {},
    "_bias0": {r"\.(bias|matri|factor)(?:es|ces|s)\.(\d)$": lambda m: f"._{m[1].replace('tri', 'trix')}{m[2]}"},
    "_biases.0": {r"\.(biases|matrices|factors)\.(\d)$": r"._\1.\2"},
}


def codec_of_theirs(name):
    """With latents that are not all 0, an uneven grid, and coding tables."""
    torch.manual_seed(1)
    codec = THEIRS[name]().eval()
    with torch.no_grad():
        codec.g_a[-1].weight.mul_(20)
        codec.entropy_bottleneck.quantiles.add_(torch.randn(8, 1, 1) / 3)
    codec.update()
    return codec


def released(name, generation):
    """A checkpoint as that generation of CompressAI, or DCVC-TCM, names it."""
    weights = codec_of_theirs(name).state_dict()
    if name == "intra_cheng2020":
        weights = {n: t for n, t in weights.items() if not n.startswith(CONTEXT)}
    for pattern, old in GENERATIONS[generation].items():
        weights = {re.sub(pattern, old, n) if n.startswith("entropy_bottleneck") else n: t for n, t in weights.items()}
    return weights


@torch.no_grad()
def their_bits(theirs, frame, latent):
    """Bits of both latents by CompressAI's densities, and its own rounding of ``latent``'s symbols."""
    y = theirs.g_a(frame)
    z = theirs.h_a(y.abs() if isinstance(theirs, ScaleHyperprior) and not hasattr(theirs, "context_prediction") else y)
    z_hat, hyper = theirs.entropy_bottleneck(z)
    parameters = theirs.h_s(z_hat)
    if hasattr(theirs, "context_prediction"):
        context = theirs.context_prediction(latent)
        parameters = theirs.entropy_parameters(torch.cat([parameters, context], 1))
    scales, means = parameters.chunk(2, 1) if parameters.shape[1] > y.shape[1] else (parameters, 0 * parameters)
    rounded = (y - means).round() + means
    likelihood = theirs.gaussian_conditional._likelihood(rounded, scales, means)
    likelihood = theirs.gaussian_conditional.likelihood_lower_bound(likelihood)
    return {"intra_hyper": -hyper.log2().sum(), "intra": -likelihood.log2().sum()}, rounded


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", THEIRS)
def test_all_generations_of_names_give_compressais_output(tmp_path, capsys, name, generation):
    weights = released(name, generation)
    assert f"entropy_bottleneck.{generation}" in weights
    torch.save({"state_dict": {f"module.{n}": t for n, t in weights.items()}}, tmp_path / "zoo.pth")
    ours = imported(name, tmp_path / "zoo.pth", tmp_path / "out.safetensors").codec
    assert "train it further" not in capsys.readouterr().out
    theirs, frame, latent = codec_of_theirs(name), moving_clip(1, 64, 64), []
    if name == "intra_cheng2020":
        del theirs.context_prediction
    ours.g_s.register_forward_pre_hook(lambda _, inputs: latent.append(inputs[0]))
    with torch.no_grad():
        coding = ours(frame, Rate(), Estimate(training=False))
        wanted = theirs.g_s(latent[0])
    assert (wanted - wanted.mean()).abs().max() > 1e-3
    assert (coding.frames[:, 0] - wanted).abs().max() < 1e-5 * (wanted.max() - wanted.min())
    bits, rounded = their_bits(theirs, frame[:, 0], latent[0])
    assert torch.allclose(latent[0], rounded, atol=1e-4)
    for stream, spent in bits.items():
        assert coding.bits[stream].item() == pytest.approx(spent.item(), rel=1e-6), stream
    medians = weights["entropy_bottleneck.quantiles"][:, 0, 1]
    assert torch.equal(ours.hyper_prior.medians(), medians)


@pytest.mark.parametrize("name", ["intra_bmshj2018_hyperprior", "intra_mbt2018", "intra_cheng2020_anchor"])
def test_frames_are_what_compressais_decoder_makes(tmp_path, name):
    torch.save(released(name, "_biases.0"), tmp_path / "zoo.pth")
    ours = imported(name, tmp_path / "zoo.pth", tmp_path / "out.safetensors").codec
    theirs, frame = codec_of_theirs(name), moving_clip(1, 64, 64)
    with torch.no_grad():
        decoded = theirs.decompress(**theirs.compress(frame[:, 0]))["x_hat"]
        coding = ours(frame, Rate(), Estimate(training=False))
    assert (decoded - decoded.mean()).abs().max() > 1e-3
    assert torch.allclose(coding.frames[:, 0].clamp(0, 1), decoded, atol=1e-5)


def test_an_autoregressive_checkpoint_loses_its_context_model_and_says_so(tmp_path):
    weights = released("intra_cheng2020_anchor", "_bias0")
    torch.save(weights, tmp_path / "zoo.pth")
    done = lvc("import", "intra_cheng2020", "zoo.pth", "out.safetensors", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    less = sum(name.startswith(CONTEXT) for name in weights)
    assert f"{less} left out: context model: this codec has none" in done.out
    assert done.out.endswith("train it further before coding\n")
    info = lvc("info", "out.safetensors", cwd=tmp_path).out
    facts = {line.partition("  ")[0]: line for line in info.splitlines()}
    assert facts["release"].endswith("CompressAI's cheng2020_anchor")
    assert "context model" in facts["left out"] and "coding tables" in facts["left out"]


def test_a_tensor_that_such_a_codec_does_not_have_is_named(tmp_path):
    torch.save({**released("intra_mbt2018", "_bias0"), "gain.weight": torch.ones(1)}, tmp_path / "zoo.pth")
    with pytest.raises(UserError, match=r"zoo.pth: 'gain.weight' is no tensor of an intra codec of CompressAI"):
        run_import("intra_mbt2018", tmp_path / "zoo.pth", tmp_path / "out.safetensors")


# the model zoo by name

OFFLINE = {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""}


def test_a_checkpoint_of_the_zoo_is_imported_by_name(tmp_path):
    cached = tmp_path / "hub" / "checkpoints" / "cheng2020-anchor-3-e49be189.pth.tar"
    cached.parent.mkdir(parents=True)
    torch.save(released("intra_cheng2020_anchor", "_biases.0"), cached)
    named = ("zoo:cheng2020-anchor:3:mse", "by_name.safetensors")
    done = lvc("import", *named, cwd=tmp_path, env={"TORCH_HOME": str(tmp_path), **OFFLINE})
    assert (done.code, done.err) == (0, "")
    run_import("intra_cheng2020_anchor", cached, tmp_path / "by_file.safetensors")
    for out in ("by_name.safetensors", "by_file.safetensors"):
        assert "CompressAI's zoo: cheng2020-anchor, quality 3, mse" in lvc("info", out, cwd=tmp_path).out


def test_without_a_network_the_file_is_asked_for(tmp_path):
    done = lvc("import", "zoo:mbt2018:8", "out.safetensors", cwd=tmp_path, env={"TORCH_HOME": str(tmp_path), **OFFLINE})
    url = zoo_entry("zoo:mbt2018:8:mse").url
    assert_refused(done, f"{url}: cannot be downloaded", "get the file elsewhere, then `python -m lvc import intra_mbt")
    assert not list(tmp_path.rglob("*.pth.tar*"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zoo:cheng2020-attn:3", "no architecture 'cheng2020-attn'; choices are: bmshj2018-hyperprior, mbt2018"),
        ("zoo:cheng2020-anchor:9", "no such quality and metric; choices are: 1:ms-ssim, 1:mse"),
        ("zoo:cheng2020-anchor", "no such quality and metric"),
        ("zoo:mbt2018:3:psnr", "no such quality and metric"),
        ("mbt2018", "MODEL: 'mbt2018' is not one of intra_"),
    ],
)
def test_what_the_zoo_does_not_have_is_said(tmp_path, name, message):
    with pytest.raises(UserError, match=re.escape(message).replace("intra_", ".*")):
        run_import(name, *([tmp_path / "a.pth"] if ":" not in name else []), tmp_path / "out.safetensors")
