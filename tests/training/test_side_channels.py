"""What is only told beside a run never stands in its way."""

import os
from pathlib import Path

import pytest
import torch

from lvc.errors import UserError
from lvc.export import read_export, save_export
from lvc.training import loggers
from lvc.training.run import train
from tests.conftest import tiny_codec, tiny_config


def test_a_logger_that_fails_loses_no_export(tiny, monkeypatch, capsys):
    def fail(*_):
        raise PermissionError(13, "Permission denied", "/nowhere")

    monkeypatch.setattr("lvc.training.run.log_tables", fail)
    run, data = tiny(["frame"])
    assert train(run, data).is_file() and Path(run.dir, "stages", "frame.safetensors").is_file()
    assert "warning: tables could not be logged (PermissionError" in capsys.readouterr().err


def test_wandb_writes_into_the_run_s_folder(tmp_path, monkeypatch):
    for name in ("WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_CACHE_DIR", "/chosen")
    for name in ("one", "two"):
        loggers._keep_inside(tmp_path / name)
        assert Path(os.environ["WANDB_DATA_DIR"]).parent == tmp_path / name
        assert os.environ["WANDB_CACHE_DIR"] == "/chosen"


def test_weights_that_are_no_numbers_are_not_exported(tmp_path):
    codec = tiny_codec()
    with torch.no_grad():
        next(iter(codec.motion.parameters()))[0] = float("inf")
    with pytest.raises(UserError, match=r"a\.safetensors: tensor \S+ holds values that are not finite"):
        save_export(tmp_path / "a.safetensors", codec, tiny_config(), {})
    assert not list(tmp_path.iterdir())


def test_an_export_with_such_weights_is_refused(tmp_path, monkeypatch):
    codec = tiny_codec()
    with torch.no_grad():
        next(iter(codec.motion.parameters()))[0] = float("nan")
    with monkeypatch.context() as patch:  # as an earlier build wrote it
        patch.setattr("lvc.export.check_finite", lambda *_: None)
        save_export(tmp_path / "a.safetensors", codec, tiny_config(), {})
    with pytest.raises(UserError, match="not finite"):
        read_export(tmp_path / "a.safetensors")


def test_a_lambda_of_the_other_scale_is_noted(tiny, capsys):
    run, data = tiny(["frame"], loss={"lmbda": 0.013})
    train(run, data)
    assert "note: loss.lmbda=0.013 is small" in (said := capsys.readouterr().out) and "loss.lmbda=845" in said
