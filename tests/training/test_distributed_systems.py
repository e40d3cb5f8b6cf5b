"""Stages of several systems in two processes."""

import os

import pytest
import torch

from lvc.config.compose import compose
from lvc.config.run import build_run
from lvc.models.build import build_codec
from lvc.training import console
from lvc.training.distributed import note_rank
from lvc.training.interrupt import Interrupt
from lvc.training.run import Run
from tests.training.test_distributed import in_two_processes

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without torch.distributed")

SMALL = [
    *("size=tiny", "schedule.all.steps=1", "schedule.all.batch_size=2", "trainer.validation_frames=2"),
    *("dataset.height=64", "dataset.width=64", "dataset.clips=4", "dataset.shapes=4", "dataset.clip_frames=16"),
    *("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.workers=0", "trainer.threads=1"),
    *("trainer.pictures=0", "trainer.validation_clips=1", "trainer.progress=false"),
]
PLANS = {
    "b_canf": ["schedule=b_canf_short", "schedule.order=[predictor,motion,gop]", "schedule.all.crop=64"],
    "mastc_vc": ["schedule=mastc_short", "schedule.order=[pair]", "schedule.all.crop=64"],
    "pmctf_l": ["schedule=mctf_short", "schedule.order=[levels,gop_4]", "schedule.all.crop=64"],
    "spynet": ["schedule=flow_pretrain_cpu", "schedule.order=[level5,level4]"],
}
"""What differs most among systems: frozen parts, batch norms, levels that a sample draws, a task other than coding."""


def trained(composed, path):
    """This process's codec after all stages."""
    note_rank()
    with console.quiet(), Interrupt() as interrupt:
        run = Run(build_run(composed), composed, interrupt)
        run.train()
    torch.save(run.codec.state_dict(), f"{path}{os.environ['RANK']}")


@pytest.mark.parametrize("model", PLANS)
def test_processes_stay_in_step_through_all_stages(tmp_path, model):
    composed = compose("train", [f"model={model}", *PLANS[model], *SMALL, f"dir={tmp_path / 'run'}"])
    in_two_processes(trained, composed, str(tmp_path / "weights"))
    first, second = (torch.load(tmp_path / f"weights{rank}") for rank in range(2))
    assert not [name for name in first if not torch.equal(first[name], second[name])]
    run = build_run(composed)
    codec = build_codec(run.model)
    codec.load_state_dict(first)
    names = {id(p): name for name, p in codec.named_parameters()}
    fresh = build_codec(run.model).state_dict()
    for part in {part for name in run.schedule.running for part in run.schedule.stages[name].train}:
        parameters = [names[id(p)] for module in codec.parts[part] for p in module.parameters()]
        assert any(not torch.equal(first[name], fresh[name]) for name in parameters), part
