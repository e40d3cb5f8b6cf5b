"""Codecs in the package: half the size, coded as they are kept, and an intra codec that two share is kept once."""

import pytest
import torch

from lvc.codec import Rate
from lvc.errors import UserError
from lvc.export import load_export, read_export, save_export
from lvc.models import shipped as package
from lvc.models.shipped import shipped
from lvc.training import ship as shipping
from lvc.training.ship import ship
from tests.conftest import moving_clip
from tests.models.light_codecs import INTRA, LIGHT, started


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package's folder of its own."""
    folder = tmp_path / "package"
    monkeypatch.setattr(package, "FOLDER", folder)
    monkeypatch.setattr(shipping, "FOLDER", folder)
    return folder


def exported(tmp_path, config, name):
    codec = started(config)
    return save_export(tmp_path / f"{name}.safetensors", codec, codec.config, {"dir": "/home/someone/runs/x"})


def test_a_shipped_codec_decodes_what_it_encoded(tmp_path, folder):
    path = exported(tmp_path, LIGHT, "p")
    half = ship(path, out=folder / "light.safetensors")
    saved = path.stat().st_size - half.stat().st_size
    assert saved > 1.9 * sum(p.numel() for p in load_export(path).codec.parameters())
    rate, frames = Rate(q=torch.tensor([40.0])), moving_clip(3, 64, 64).unbind(1)
    encoded = list(load_export(half).codec.encode(frames, rate))
    decoded = list(load_export(half).codec.decode((e.packet for e in encoded), (64, 64), rate))
    assert all(torch.equal(a, e.frame) for a, e in zip(decoded, encoded, strict=True))
    full = list(load_export(path).codec.encode(frames, rate))
    for a, b in zip(encoded, full, strict=True):
        assert (a.frame - b.frame).abs().mean() < 0.02
    assert read_export(half)[0]["provenance"]["dir"] == "x"


def test_an_intra_codec_that_is_shipped_too_is_kept_once(tmp_path, folder):
    intra = ship(exported(tmp_path, INTRA, "i"))
    assert intra == folder / "intra_light_tiny.safetensors"
    whole = started(LIGHT)
    whole.intra.load_state_dict(load_export(exported(tmp_path, INTRA, "i")).codec.state_dict())
    path = save_export(tmp_path / "p.safetensors", whole, whole.config, {})
    alone, both = ship(path, out=tmp_path / "alone.safetensors"), ship(path)
    assert sorted(shipped()) == ["intra_light_tiny", "light_tiny"]
    assert read_export(both)[0]["parts"] == {"intra": {"name": "intra_light_tiny", "digest": read_export(intra)[1]}}
    weights = sum(p.numel() for p in whole.intra.parameters())
    assert path.stat().st_size - both.stat().st_size > 5.9 * weights
    assert alone.read_bytes() == both.read_bytes()
    rate, frames = Rate(q=torch.tensor([40.0])), moving_clip(2, 64, 64).unbind(1)
    encoded = list(load_export(both).codec.encode(frames, rate))
    intra.unlink()
    with pytest.raises(UserError, match=r"light_tiny.safetensors: needs intra_light_tiny \(.*\), which this package"):
        load_export(both)
    assert len(encoded) == 2


def test_what_ships_is_small_and_loads():
    assert {"intra_light"} <= shipped().keys()
    for path in shipped().values():
        assert path.stat().st_size <= 8 << 20
        export = load_export(path)
        assert export.codec.spec.qualities == 64
        assert not [value for value in _strings(export.info["provenance"]) if value.startswith("/")]


def _strings(value):
    if isinstance(value, dict):
        return [s for inner in value.values() for s in _strings(inner)]
    if isinstance(value, list):
        return [s for inner in value for s in _strings(inner)]
    return [value] if isinstance(value, str) else []
