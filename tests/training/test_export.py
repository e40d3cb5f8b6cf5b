import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.errors import UserError
from lvc.export import load_export, load_parts, save_export
from lvc.models.build import build_codec
from tests.conftest import tiny_codec, tiny_config


def intra_config(channels=8):
    return build(ModelConfig, {"name": "intra_cheng2020", "size": "tiny", "channels": channels})


def test_an_export_gives_back_weights_config_and_provenance(tmp_path):
    codec, config = tiny_codec(), tiny_config()
    export = load_export(save_export(tmp_path / "a.safetensors", codec, config, {"seed": 7}))
    assert export.config == config
    assert export.info["provenance"] == {"seed": 7}
    assert all(torch.equal(a, b) for a, b in zip(codec.parameters(), export.codec.parameters(), strict=True))
    assert not export.codec.training
    assert not any(p.requires_grad for p in export.codec.parameters())


def test_an_export_is_loaded_in_the_order_in_which_convolutions_on_a_cpu_are_faster(tmp_path):
    codec = load_export(save_export(tmp_path / "a.safetensors", tiny_codec(), tiny_config(), {})).codec
    layers = [m for m in codec.modules() if isinstance(m, torch.nn.Conv2d) and m.in_channels > 3]
    assert layers and all(m.weight.is_contiguous(memory_format=torch.channels_last) for m in layers)


def test_coding_tables_come_from_the_file_not_from_this_machine(tmp_path):
    path = save_export(tmp_path / "a.safetensors", tiny_codec(), tiny_config(), {})
    with safe_open(path, "pt") as file:
        names = {n for n in file.keys() if n.startswith("tables.")}  # noqa: SIM118 (not a dict)
    assert {"tables.law.counts", "tables.intra.hyper_prior.counts", "tables.motion.hyper_prior.lows"} <= names
    export = load_export(path)
    export.codec.law.make_tables = None
    assert len(export.codec.law.tables.rows) == 256


def test_the_digest_names_weights_and_config_but_not_provenance(tmp_path):
    def digest(codec, provenance):
        return load_export(save_export(tmp_path / "a.safetensors", codec, tiny_config(), provenance)).info["digest"]

    assert digest(tiny_codec(), {"a": 1}) == digest(tiny_codec(), {"a": 2})
    assert digest(tiny_codec(), {}) != digest(tiny_codec(seed=1), {})


def test_saving_leaves_a_training_codec_training(tmp_path):
    codec = tiny_codec().train()
    codec.intra.eval()
    save_export(tmp_path / "a.safetensors", codec, tiny_config(), {})
    assert codec.training
    assert codec.flow.training
    assert not codec.intra.training


def test_parts_load_by_name_and_an_intra_codec_into_its_place(tmp_path):
    intra = build_codec(intra_config())
    path = save_export(tmp_path / "i.safetensors", intra, intra_config(), {})
    codec = tiny_codec(seed=3)
    flow = codec.flow.levels[0][0].weight.clone()
    assert load_parts(codec, path, ("intra",)) == ["intra"]
    assert torch.equal(codec.intra.g_s[0].conv1.weight, intra.g_s[0].conv1.weight)
    assert torch.equal(codec.flow.levels[0][0].weight, flow)

    whole = save_export(tmp_path / "w.safetensors", tiny_codec(seed=4), tiny_config(), {})
    assert load_parts(codec, whole, ("flow", "motion")) == ["flow", "motion"]
    assert not torch.equal(codec.flow.levels[0][0].weight, flow)


def test_what_does_not_fit_is_said(tmp_path):
    wider = intra_config(16)
    path = save_export(tmp_path / "i.safetensors", build_codec(wider), wider, {})
    with pytest.raises(UserError, match=r"part 'intra' .* of another shape"):
        load_parts(tiny_codec(), path, ("intra",))
    with pytest.raises(UserError, match="no part of 'intra_cheng2020' fits"):
        load_parts(tiny_codec(), path)
    with pytest.raises(UserError, match="no part 'wings'"):
        load_parts(tiny_codec(), path, ("wings",))


def test_files_that_are_no_exports_are_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.safetensors: no such export"):
        load_export(tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(b"\x80\x04 not safetensors")
    with pytest.raises(UserError, match=r"b\.safetensors: not an lvc export"):
        load_export(tmp_path / "b.safetensors")
    save_file({"x": torch.zeros(2)}, tmp_path / "c.safetensors")
    with pytest.raises(UserError, match=r"c\.safetensors: a safetensors file, but not an lvc export"):
        load_export(tmp_path / "c.safetensors")


def test_an_altered_export_is_noticed(tmp_path):
    path = save_export(tmp_path / "a.safetensors", tiny_codec(), tiny_config(), {})
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="contents do not match its digest"):
        load_export(path)


def test_metadata_is_plain_json(tmp_path):
    path = save_export(tmp_path / "a.safetensors", tiny_codec(), tiny_config(), {"when": "now"})
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["lvc"])
    assert header["config"]["name"] == "dcvc_tcm"
    assert header["provenance"] == {"when": "now"}


def test_an_export_may_be_read_by_whom_other_new_files_may(tmp_path):
    (tmp_path / "other").touch()
    export = save_export(tmp_path / "a.safetensors", tiny_codec(), tiny_config(), {})
    assert export.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_an_export_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        save_export(tmp_path / "file" / "a.safetensors", tiny_codec(), tiny_config(), {})
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
