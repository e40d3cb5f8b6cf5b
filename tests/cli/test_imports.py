"""``import``: foreign checkpoints, good, wrong and malicious."""

import argparse
import os
import pickle
import re

import pytest
import torch

from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.errors import UserError
from lvc.export import load_export, save_export
from lvc.importers.released import dcvc_tcm_weights
from lvc.models.build import build_codec
from tests.commands import assert_refused, lvc
from tests.models.importing import run_import
from tests.models.test_dcvc_tcm import released_weights


@pytest.fixture(scope="module")
def released():
    return released_weights()


@pytest.fixture(scope="module")
def intra(tmp_path_factory):
    """A small intra codec's export, so that not every import writes a large one."""
    config = build(ModelConfig, {"name": "intra_cheng2020", "size": "tiny", "channels": 8})
    return save_export(tmp_path_factory.mktemp("intra") / "intra.safetensors", build_codec(config), config, {})


@pytest.mark.parametrize("form", ["plain", "prefixed"])
def test_a_released_checkpoint_is_imported_tensor_by_tensor(tmp_path, released, intra, form):
    content = released if form == "plain" else {"state_dict": {f"module.{n}": t for n, t in released.items()}}
    torch.save(content, tmp_path / "release.pth.tar")
    done = lvc("import", "dcvc_tcm", "release.pth.tar", "out.safetensors", "--intra", intra, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out == "out.safetensors: 258 tensors of release.pth.tar imported\n"
    export = load_export(tmp_path / "out.safetensors")
    weights = export.codec.state_dict()
    for name, tensor in dcvc_tcm_weights(released, "released").weights.items():
        assert torch.equal(weights[name], tensor), name
    for name, tensor in load_export(intra).codec.state_dict().items():
        assert torch.equal(weights[f"intra.{name}"], tensor), name
    assert export.config.compat == "official"


def changed(released, how):
    some = dict(released)
    if how == "missing":
        del some["mv_encoder.0.weight"]
    elif how == "layer missing":
        del some["bit_estimator_z.f3.b"]
    elif how == "extra":
        some["mv_encoder.0.momentum"] = torch.zeros(1)
    elif how == "foreign":
        some = {"backbone.conv.weight": torch.zeros(3)}
    elif how == "shape":
        some["mv_encoder.0.weight"] = torch.zeros(3, 2, 3, 3)
    elif how == "layer's shape":
        some["bit_estimator_z.f3.b"] = torch.zeros(3)
    return some


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "has no tensor for 'motion.encoder.0.weight' (1 missing in all)"),
        ("layer missing", "hyper_prior.b"),
        ("extra", "motion.encoder.0.momentum"),
        ("foreign", "'backbone.conv.weight' is no tensor of DCVC-TCM"),
        ("shape", "'motion.encoder.0.weight' is of shape (3, 2, 3, 3)"),
        ("layer's shape", "hyper_prior.b"),
    ],
)
def test_a_checkpoint_that_does_not_fit_names_the_tensor(tmp_path, released, intra, how, message):
    torch.save(changed(released, how), tmp_path / "wrong.pth")
    done = lvc("import", "dcvc_tcm", "wrong.pth", "out.safetensors", "--intra", intra, cwd=tmp_path)
    assert_refused(done, "wrong.pth: ", message)
    assert not (tmp_path / "out.safetensors").exists()


def test_another_codec_of_compressais_is_refused(tmp_path):
    from compressai.models import ScaleHyperprior

    torch.save(ScaleHyperprior(8, 12).state_dict(), tmp_path / "zoo.pth")
    done = lvc("import", "intra_mbt2018", "zoo.pth", "no.safetensors", cwd=tmp_path)
    assert_refused(done, "zoo.pth: tensor for 'h_s.0.weight' is of shape")


def test_another_models_checkpoint_is_no_intra_codec(tmp_path, released):
    torch.save(released, tmp_path / "release.pth")
    done = lvc("import", "intra_cheng2020", "release.pth", "out.safetensors", cwd=tmp_path)
    assert_refused(done, "release.pth: ", "cheng2020_anchor")


class Malicious:
    """Leaves a file where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 9\n", "a Git-LFS pointer, not the file"),
        (b"<!DOCTYPE html>\n<html><title>Drive</title>", "a web page, not a checkpoint"),
        (b"\n<HTML><head>", "a web page, not a checkpoint"),
        (b"", "an empty file"),
        (b"PK\x03\x04 a zip, but not torch's", "not a PyTorch checkpoint"),
    ],
)
@pytest.mark.parametrize("model", ["dcvc_tcm", "pwave", "spynet", "intra_mbt2018"])
def test_what_failed_downloads_leave_is_called_what_it_is(tmp_path, content, message, model):
    (tmp_path / "net.pth").write_bytes(content)
    with pytest.raises(UserError, match=f"net.pth: {re.escape(message)}"):
        run_import(model, tmp_path / "net.pth", tmp_path / "out.safetensors")


def test_a_checkpoint_with_more_than_tensors_says_what_and_what_to_do(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1)}, "args": argparse.Namespace(lr=1)}, tmp_path / "run.pth")
    with pytest.raises(UserError, match=r"run.pth: .*'argparse.Namespace'\); save its state_dict alone"):
        run_import("dcvc_tcm", tmp_path / "run.pth", tmp_path / "out.safetensors")


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_a_checkpoint_that_wants_to_execute_code_is_refused_and_does_not(tmp_path, form):
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    content = {"mv_encoder.0.weight": torch.zeros(1), "more": Malicious(trace)}
    if form == "torch":
        torch.save(content, path)
        torch.load(path, weights_only=False)
    else:
        path.write_bytes(pickle.dumps(content))
        pickle.loads(path.read_bytes())
    trace.rmdir()  # it would have
    for model in ("dcvc_tcm", "intra_cheng2020"):
        done = lvc("import", model, path, "out.safetensors", cwd=tmp_path)
        assert_refused(done, "evil.pth: not a PyTorch checkpoint of plain tensors")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no dictionary of tensors"),
        ({"state_dict": {"epoch": 3}}, "holds no dictionary of tensors"),
        ({3: torch.zeros(1)}, "holds no dictionary of tensors"),
        (torch.zeros(3), "holds no dictionary of tensors"),
        (None, "no such checkpoint"),
    ],
)
def test_what_holds_no_weights_is_refused(tmp_path, content, message):
    if content is not None:
        torch.save(content, tmp_path / "a.pth")
    assert_refused(lvc("import", "dcvc_tcm", "a.pth", "out.safetensors", cwd=tmp_path), f"a.pth: {message}")


def test_an_export_that_cannot_be_written_is_said(tmp_path, released, intra):
    torch.save(released, tmp_path / "release.pth")
    done = lvc("import", "dcvc_tcm", "release.pth", "/proc/nope/out.safetensors", "--intra", intra, cwd=tmp_path)
    assert_refused(done, "/proc/nope/out.safetensors: cannot")
