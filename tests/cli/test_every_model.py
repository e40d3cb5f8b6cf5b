"""Every command that takes a model, for every model there is, at the tiny size."""

import json

import pytest

from lvc.__main__ import main
from lvc.codec import VideoCodec
from lvc.config.compose import compose
from lvc.config.contract import build
from lvc.config.model import MODELS, ModelConfig
from lvc.config.schedule import ScheduleConfig
from lvc.config.spread import spread_all
from lvc.datasets.video import open_video
from lvc.export import save_export
from lvc.models.build import build_codec


def said(capsys, *arguments):
    assert main([str(a) for a in arguments]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


@pytest.mark.parametrize("name", MODELS)
def test_every_command_takes_every_model(name, tmp_path, capsys, scenes):
    composed = compose("train", [f"model={name}", "size=tiny"])
    config = build(ModelConfig, composed["model"], "model")
    codec = build_codec(config).eval()
    schedule = build(ScheduleConfig, spread_all(composed["schedule"]), "schedule")

    rows = json.loads(said(capsys, "scaling", name, "size=tiny", "--json"))
    assert [row["stage"] for row in rows] == list(schedule.running)
    assert all(row["parameters"] and row["steps_per_batch"] for row in rows)
    facts = json.loads(said(capsys, "summary", name, "size=tiny", "--frame", "64x64", "--json"))
    every = sum(parameter.numel() for parameter in codec.parameters() if parameter.requires_grad)
    assert facts["parameters"] + facts.get("intra_parameters", 0) == every

    export = save_export(tmp_path / "codec.safetensors", codec, config, {})
    assert json.loads(said(capsys, "info", export, "--json"))["model"] == name
    if not isinstance(codec, VideoCodec):
        assert main(["encode", str(scenes / "scene.mkv"), str(tmp_path / "a.lvc"), "--model", str(export)]) == 2
        assert "error: " in capsys.readouterr().err
        return
    stream, frames = tmp_path / "a.lvc", 2
    said(capsys, "encode", scenes / "scene.mkv", stream, "--model", export, "--frames", frames)
    assert json.loads(said(capsys, "info", stream, "--json"))["frames"].startswith(f"{frames} ")
    said(capsys, "decode", stream, tmp_path / "a.mkv", "--model", export)
    assert open_video(tmp_path / "a.mkv").count() == frames
    if config.spec.spatial_levels:
        said(capsys, "cut", stream, tmp_path / "b.lvc", "--spatial-level", 1)
        said(capsys, "decode", tmp_path / "b.lvc", tmp_path / "b.mkv", "--model", export)
        assert (tmp_path / "b.lvc").stat().st_size < stream.stat().st_size
