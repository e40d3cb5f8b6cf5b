import csv
import json
import multiprocessing
import os
import random
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lvc.codec import ClipCoding
from lvc.config.contract import ConfigError, build
from lvc.config.trainer import TrainerConfig
from lvc.entropy.streams import Estimate
from lvc.errors import UserError
from lvc.export import load_export
from lvc.models.build import build_codec
from lvc.training.batches import learning_rate_scale, process_batch
from lvc.training.distributed import AveragedGradients, average_gradients, placement, shape
from lvc.training.losses import RateDistortionLoss
from lvc.training.run import train
from lvc.training.stages import freeze, learnable
from tests.commands import processes
from tests.conftest import moving_clip

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without torch.distributed")


def free_port():
    """A port below those that systems hand out, so that nothing else is given it before it is used."""
    for port in random.SystemRandom().sample(range(20000, 30000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def torchrun(rank, port):
    """What torchrun tells its processes."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "GROUP_RANK": 0}
    return place | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}


def slurm(rank, port):
    """What srun tells its tasks."""
    place = {"SLURM_NTASKS": 2, "SLURM_NTASKS_PER_NODE": 2, "SLURM_NNODES": 1, "SLURM_PROCID": rank}
    place |= {"SLURM_LOCALID": rank, "SLURM_NODEID": 0, "SLURM_JOB_ID": 7, "SLURM_JOB_NAME": "train"}
    return place | {"SLURM_NODELIST": "127.0.0.1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}


def in_two_processes(work, *arguments, launcher=torchrun):
    port = free_port()
    context = processes()
    started = [context.Process(target=as_one, args=(launcher(rank, port), work, *arguments)) for rank in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join(300)
    assert [process.exitcode for process in started] == [0, 0]


def as_one(environment, work, *arguments):
    torch.set_num_threads(1)
    os.environ.update({key: str(value) for key, value in environment.items()})
    work(*arguments)


def gradients(run, clip):
    """The codec's gradients of the joint loss of a clip ``(B, T, 3, H, W)``."""
    torch.manual_seed(0)
    codec = build_codec(run.model)
    stage = run.schedule.stages["joint"]
    freeze(codec, stage.train, learnable(codec))
    loss = RateDistortionLoss(stage.loss, run.loss)
    rate, stream = loss.rate(len(clip), "cpu"), Estimate(training=True, quantization="straight_through")
    codings = [c for c in codec.structure.unroll(codec, clip, rate, stream) if codec.trains(c.kind)]
    loss(ClipCoding.stack(codings), clip[:, 1:], rate)[0].backward()
    return codec


def averaged_gradients(run, clips, path):
    """Gradients of this process's own clip, averaged with the other's."""
    rank = int(os.environ["RANK"])
    torch.distributed.init_process_group("gloo")
    codec = gradients(run, clips[rank])
    average_gradients([p for p in codec.parameters() if p.requires_grad])
    torch.save({n: p.grad for n, p in codec.named_parameters()}, f"{path}{rank}")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("frames", [2, 3])
def test_gradients_of_two_processes_are_those_of_one_with_their_joint_batch(tiny, tmp_path, frames):
    run, _ = tiny(["joint"])
    clips = [moving_clip(frames, 64, 64, seed) for seed in range(2)]
    in_two_processes(averaged_gradients, run, clips, str(tmp_path / "gradients"))
    first, second = (torch.load(tmp_path / f"gradients{rank}") for rank in range(2))
    together = {n: p.grad for n, p in gradients(run, torch.cat(clips)).named_parameters()}
    for name, gradient in together.items():
        if gradient is None:  # with two frames nothing mines a propagated feature
            assert first[name] is None and second[name] is None
        else:
            assert torch.equal(first[name], second[name])
            torch.testing.assert_close(first[name], gradient, rtol=1e-3, atol=1e-5)
    unused = [n for n, p in gradients(run, clips[0]).named_parameters() if p.requires_grad and p.grad is None]
    assert bool(unused) == (frames == 2)


def test_what_one_process_leaves_unused_counts_as_nothing_there(tiny, tmp_path):
    run, _ = tiny(["joint"])
    clips = [moving_clip(2, 64, 64), moving_clip(3, 64, 64)]  # only the second mines a feature
    in_two_processes(averaged_gradients, run, clips, str(tmp_path / "gradients"))
    found = torch.load(tmp_path / "gradients0")["adapt_feature.weight"]
    torch.testing.assert_close(found, gradients(run, clips[1]).adapt_feature.weight.grad / 2)


def rows(folder, column):
    with (folder / "metrics.csv").open(newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file) if row[column]]


@pytest.mark.parametrize(("update", "launcher"), [("clip", torchrun), ("frame", slurm)])
def test_two_processes_train_stages_with_frozen_parts_like_one(tiny, update, launcher):
    stage = {"steps": 3, "update": update, "references": "detached", "grad_clip": None, "lr": 1e-4, "batch_size": 2}
    folders = []
    for world in (1, 2):
        run, data = tiny(
            ["motion", "joint"],
            folder=f"{update}{world}",
            model={"entropy": {"quantization": "straight_through"}},  # noise would differ
            optimizer={"name": "SGD"},
            stage=stage,
            trainer={"devices": world, "batch_size": "global", "validation_clips": 3},
        )
        in_two_processes(train, run, data, launcher=launcher) if world == 2 else train(run, data)
        folders.append(Path(run.dir))
    one, two = (load_file(folder / "codec.safetensors") for folder in folders)
    for name in one:
        if name.startswith("weights.") and one[name].is_floating_point():
            torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=1e-6)
    for column in ("train/loss", "train/psnr", "bits/motion", "train/grad_norm", "train/lr", "train/batch_clips"):
        assert rows(folders[1], column) == pytest.approx(rows(folders[0], column), rel=1e-3), column
    one, two = (json.loads((folder / "state.json").read_text())["stages"] for folder in folders)
    assert two["motion"]["before"] == pytest.approx(one["motion"]["before"])  # three clips, each counted once
    assert two["joint"]["after"] == pytest.approx(one["joint"]["after"], rel=1e-3)
    assert one["joint"]["after"]["val/loss"] != one["joint"]["before"]["val/loss"]


def options(**fields):
    return build(TrainerConfig, fields)


def test_a_batch_is_each_process_s_or_everybody_s(tiny):
    stage = tiny(["joint"], stage={"batch_size": 8})[0].schedule.stages["joint"]
    for fields, clips, scale in (
        ({}, 8, 1),
        ({"lr_scaling": "linear"}, 8, 4),
        ({"lr_scaling": "sqrt"}, 8, 2),
        ({"batch_size": "global"}, 2, 1),
    ):
        assert process_batch(stage, options(**fields), 4) == clips
        assert learning_rate_scale(stage, options(**fields), 4) == scale
    with pytest.raises(UserError, match=r"trainer\.batch_size: global, but 3 processes cannot share 8 clips evenly"):
        process_batch(stage, options(batch_size="global"), 3)


def test_a_learning_rate_that_nothing_scales_is_refused():
    with pytest.raises(ConfigError, match=r"^lr_scaling: linear has nothing to scale"):
        options(batch_size="global", lr_scaling="linear")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (3, 1)),
        (torchrun(0, 1) | {"WORLD_SIZE": 8, "LOCAL_WORLD_SIZE": 4}, (4, 2)),
        (slurm(0, 1) | {"SLURM_NTASKS": 16, "SLURM_NNODES": 2}, (8, 2)),
    ],
)
def test_a_launcher_says_how_many_processes_there_are(monkeypatch, environment, expected):
    for key, value in environment.items():
        monkeypatch.setenv(key, str(value))
    assert shape(options(accelerator="cpu", devices=3)) == expected


def test_ddp_is_so_for_one_process_too(tiny):
    weights = {}
    for strategy in ("auto", "ddp"):
        run, data = tiny(["frame"], folder=strategy, trainer={"strategy": strategy})
        assert isinstance(placement(run.trainer)["strategy"], AveragedGradients) is (strategy == "ddp")
        weights[strategy] = load_export(train(run, data)).codec.state_dict()
    assert all(torch.equal(weights["ddp"][name], tensor) for name, tensor in weights["auto"].items())


def test_processes_without_a_common_folder_are_told_so(tiny, tmp_path):
    data = tiny(["frame"], trainer={"devices": 2})[1]
    context = multiprocessing.get_context("forkserver")
    outcome, port = context.Queue(), free_port()
    started = []
    for rank in range(2):
        own = data | {"dir": str(tmp_path / f"machine{rank}")}
        started.append(context.Process(target=outcome_of, args=(torchrun(rank, port), own, outcome)))
        started[-1].start()
    said = [outcome.get(timeout=60) for _ in started]
    assert any("all need one folder that they share" in line for line in said), said


def outcome_of(environment, data, outcome):
    from lvc.config.run import build_run

    os.environ.update({key: str(value) for key, value in environment.items()})
    try:
        train(build_run(data), data)
    except UserError as error:
        outcome.put(str(error))
