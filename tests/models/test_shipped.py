"""Weights that come with the package."""

import pytest
import torch

from lvc.config.contract import ConfigError, build
from lvc.config.model import ModelConfig
from lvc.errors import UserError
from lvc.export import load_starting_weights, read_export, save_export
from lvc.models import shipped
from lvc.models.build import build_codec

from .light_codecs import INTRA, LIGHT, started


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose only weights are those of a small intra codec; its export."""
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    config = build(ModelConfig, INTRA)
    return save_export(tmp_path / "intra_light.safetensors", started(INTRA), config, {})


@pytest.mark.parametrize("config", [LIGHT | {"intra": INTRA | {"pretrained": True}}, INTRA | {"pretrained": True}])
def test_a_codec_starts_from_the_packages_intra_codec(package, config):
    config = build(ModelConfig, config)
    codec = build_codec(config)
    loaded = load_starting_weights(codec, config)
    option = "model.intra.pretrained" if config.name == "light" else "model.pretrained"
    _, digest, tensors = read_export(package)
    assert loaded[option] == digest
    intra = getattr(codec, "intra", codec)
    assert all(torch.equal(tensor, tensors[f"weights.{name}"]) for name, tensor in intra.state_dict().items())


def test_what_does_not_come_with_the_package_is_said(package):
    package.unlink()
    config = build(ModelConfig, INTRA | {"pretrained": True})
    with pytest.raises(UserError, match="intra_light: no such export"):
        load_starting_weights(build_codec(config), config)
    with pytest.raises(ConfigError, match="pretrained=true has weights already"):
        build(ModelConfig, INTRA | {"pretrained": True, "weights": "a.safetensors"})
