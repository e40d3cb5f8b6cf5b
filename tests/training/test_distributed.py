import multiprocessing
import os
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lvc.training.run import train


def train_as(rank, port, run, data):
    """One of two processes, as torchrun starts them."""
    torch.set_num_threads(1)
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "GROUP_RANK": 0}
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    os.environ.update({key: str(value) for key, value in (place | address).items()})
    train(run, data)


def train_in_two_processes(run, data):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lvc.training.run", "lvc.models.dcvc_tcm", "lvc.models.intra_cheng2020"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = [context.Process(target=train_as, args=(rank, port, run, data)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without torch.distributed")
@pytest.mark.parametrize("update", ["clip", "frame"])
def test_two_processes_train_like_one_with_their_joint_batch(tiny, update):
    rounding = {"quantization": "straight_through"}  # noise would differ
    model = {"entropy": rounding}
    stage = {"steps": 3, "update": update, "references": "detached", "grad_clip": None, "lr": 1e-4}
    sgd = {"name": "SGD"}
    folders = []
    for world in (1, 2):
        run, data = tiny(
            ["joint"],
            folder=f"{update}{world}",
            model=model,
            optimizer=sgd,
            stage={**stage, "batch_size": 2 // world},
            trainer={"devices": world, "validation_clips": 3},
        )
        train_in_two_processes(run, data) if world == 2 else train(run, data)
        folders.append(Path(run.dir))
    one, two = (load_file(folder / "codec.safetensors") for folder in folders)
    start = load_file(start_of(tiny, model, folders[0].parent / f"{update}0"))
    moved = 0.0
    for name in one:
        if name.startswith("weights.") and one[name].is_floating_point():
            torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=1e-6)
            moved = max(moved, float((one[name] - start[name]).abs().max()))
    assert moved > 1e-4


def start_of(tiny, model, folder):
    """The weights that both began with: those of a run whose learning rate moves nothing."""
    stage = {"steps": 1, "lr": 1e-30}
    run, data = tiny(["joint"], folder=folder.name, model=model, optimizer={"name": "SGD"}, stage=stage)
    return train(run, data)
