import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lvc.config.contract import ConfigError
from lvc.config.run import build_run
from lvc.entropy.streams import Estimate
from lvc.training.run import train
from lvc.training.watch import Watch, counting_escapes
from tests.conftest import moving_clip, tiny_codec


def warnings(run, stage):
    return json.loads(Path(run.dir, "state.json").read_text())["stages"][stage].get("warnings", [])


def with_loss(tiny, stage, **loss):
    data = tiny([stage], stage={"steps": 2})[1]
    data["schedule"]["stages"][stage]["loss"] = loss
    return build_run(data), data


def test_a_part_that_the_loss_does_not_reach(tiny, capsys):
    run, data = with_loss(tiny, "joint", distortion={"prediction": 1.0}, rate={"motion": 1.0})
    train(run, data)
    said = "stage 'joint': the loss does not reach part 'frame', so nothing of it trains"
    assert f"warning: {said}" in capsys.readouterr().err.splitlines()
    assert [w.split("'")[1] for w in warnings(run, "joint")] == ["context", "frame"]


def test_a_part_that_some_batches_reach_is_not_spoken_of():
    parts = {name: [torch.nn.Linear(1, 1)] for name in ("near", "far", "idle")}
    module = SimpleNamespace(
        name="levels", total=2, latest={"train/loss": 1.0}, record={}, codec=SimpleNamespace(parts=parts)
    )
    module.stage = SimpleNamespace(train=tuple(parts), loss=SimpleNamespace(rate={}))
    watch, trainer = Watch(), SimpleNamespace(is_global_zero=False)
    for reached in ("near", "far"):
        for name, (layer,) in parts.items():
            layer.weight.grad = torch.ones_like(layer.weight) if name == reached else None
        assert not module.record
        watch.on_before_optimizer_step(trainer, module, None)
        watch.on_train_batch_end(trainer, module)
    assert module.record["warnings"] == ["the loss does not reach part 'idle', so nothing of it trains"]


def test_a_rate_that_is_always_zero(tiny, capsys):
    run, data = with_loss(tiny, "joint", distortion={"frame": 1.0}, rate={"motion": 1.0, "intra": 1.0})
    train(run, data)
    assert warnings(run, "joint")[0] == "loss.rate.intra was 0 in all of 2 batches: no trained frame has that stream"
    assert "warning: stage 'joint': loss.rate.intra was 0" in capsys.readouterr().err


def test_a_sound_stage_gets_no_warning(tiny, capsys):
    run, data = tiny(["joint"])
    train(run, data)
    assert not warnings(run, "joint") and "warning" not in capsys.readouterr().err


def test_escapes_are_those_of_the_coder():
    codec = tiny_codec()
    clip, rate = moving_clip(2, 64, 64), None
    with counting_escapes(codec) as count, torch.no_grad():
        codec(clip, rate, Estimate(training=False))
    assert count.symbols["hyper_prior"] == 8 and set(count.shares.values()) == {0.0}
    with torch.no_grad():
        codec.encoder.down[-1].weight.mul_(1e4)
    with counting_escapes(codec) as count, torch.no_grad():
        codec(clip, rate, Estimate(training=False))
    assert count.shares["law"] > 0.1
    assert not any(m._forward_hooks for m in codec.modules())


def test_symbols_outside_their_tables_are_spoken_of(tiny, capsys, monkeypatch):
    monkeypatch.setattr("lvc.training.validation.ESCAPES", -1.0)
    run, data = tiny(["joint"])
    train(run, data)
    said = "of the symbols of entropy model 'law' lie outside its coding tables, so files will be larger than estimated"
    assert said in capsys.readouterr().err


def test_a_stage_whose_parts_hold_nothing_is_refused(tiny, monkeypatch):
    from lvc.models.dcvc_tcm import DCVCTCM

    parts = DCVCTCM.parts.fget
    monkeypatch.setattr(DCVCTCM, "parts", property(lambda self: {**parts(self), "context": []}))
    data = tiny(["frame"])[1]
    data["schedule"]["stages"]["frame"]["train"] = ["context"]
    with pytest.raises(ConfigError, match=r"schedule\.stages\.frame\.(train|frames): "):
        train(build_run(data), data)
