"""What a Lightning user brings works: callbacks, Trainer options, gradients that add up over parts of a batch."""

import csv
from pathlib import Path

import pytest
import torch

from lvc.config.contract import ConfigError, build
from lvc.config.trainer import TrainerConfig
from lvc.errors import UserError
from lvc.export import read_export
from lvc.training.run import train


def weights(run):
    tensors = read_export(Path(run.dir, "codec.safetensors"))[2]
    return {name: t for name, t in tensors.items() if name.startswith("weights.") and t.is_floating_point()}


def test_gradients_of_parts_of_a_batch_add_up_to_those_of_the_whole(tiny):
    plain = {"model": {"entropy": {"quantization": "straight_through"}}, "optimizer": {"name": "SGD"}}
    runs = {}
    for parts in (1, 2):
        stage = {"batch_size": 2, "steps": 1, "lr": 0.1, "accumulate": parts}
        runs[parts], data = tiny(("joint",), folder=str(parts), stage=stage, **plain)
        train(runs[parts], data)
    whole, added = weights(runs[1]), weights(runs[2])
    assert all(torch.allclose(whole[name], added[name], rtol=1e-3, atol=1e-6) for name in whole)
    start = weights_before(runs[1])
    assert any(not torch.equal(whole[name], start[name]) for name in whole)


def weights_before(run):
    from lvc.models.build import build_codec
    from lvc.training.resume import seed

    seed(run.seed)
    return {f"weights.{name}": t for name, t in build_codec(run.model).state_dict().items()}


def test_a_stage_stops_early_on_validation_figures(tiny):
    stopper = {
        "_target_": "pytorch_lightning.callbacks.EarlyStopping",
        "monitor": "val/loss",
        "patience": 1,
        "stopping_threshold": 1e9,  # met at once
        "check_on_train_epoch_end": False,
    }
    run, data = tiny(("frame",), stage={"steps": 6}, trainer={"validate_every": 2}, callbacks={"stop": stopper})
    train(run, data)
    with Path(run.dir, "metrics.csv").open() as file:
        steps = [int(row["progress/step"]) for row in csv.DictReader(file) if row.get("train/loss")]
    assert max(steps) == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nothing.Such", "callbacks.mine: nothing.Such cannot be made (ModuleNotFoundError"),
        ("pathlib.Path", "callbacks.mine._target_: pathlib.Path is no Lightning callback"),
    ],
)
def test_what_is_no_callback_is_named(tiny, target, message):
    run, data = tiny(callbacks={"mine": {"_target_": target}})
    with pytest.raises(UserError) as error:
        train(run, data)
    assert str(error.value).startswith(message)


def test_trainer_options_pass_through_unless_the_run_sets_them(tiny):
    run, data = tiny(trainer={"extra": {"detect_anomaly": True}})
    train(run, data)
    with pytest.raises(ConfigError, match=r"^extra\.accumulate_grad_batches: use schedule\.stages\.NAME\.accumulate"):
        build(TrainerConfig, {"extra": {"accumulate_grad_batches": 2}})
    run, data = tiny(folder="other", trainer={"extra": {"no_such": 1}})
    with pytest.raises(UserError, match=r"^trainer: .*no_such"):
        train(run, data)


def test_devices_may_be_numbers():
    from lvc.training.distributed import placement

    assert placement(TrainerConfig(devices=(0, 2)))["devices"] == [0, 2]
    with pytest.raises(ConfigError, match="names a device twice"):
        build(TrainerConfig, {"devices": [1, 1]})
