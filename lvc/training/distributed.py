"""Several processes: how they find each other, and what they average."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor, nn

from lvc.config.trainer import TrainerConfig
from lvc.errors import UserError

BUCKET = 25 * 2**20
"""Bytes of gradients that are averaged in one exchange: few enough to copy, many enough to keep the wires busy."""


def note_rank() -> None:
    """Tell Lightning which process this is: it asked when it was loaded, which may have been in another one."""
    rank_zero_only.rank = int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", 0)))


def shape(options: TrainerConfig) -> tuple[int, int]:
    """Processes per machine, and machines: as torchrun or SLURM started them, or else as configured."""
    if TorchElasticEnvironment.detect():
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        return local, int(os.environ["WORLD_SIZE"]) // local
    tasks = int(os.environ.get("SLURM_NTASKS", 1))
    if SLURMEnvironment.detect() and tasks > 1:
        nodes = int(os.environ.get("SLURM_NNODES", 1))
        return tasks // nodes, nodes
    if options.devices == "auto":
        return (1 if options.accelerator == "cpu" else max(torch.cuda.device_count(), 1)), 1
    if isinstance(options.devices, tuple):
        return len(options.devices), 1
    return options.devices, 1


def started(options: TrainerConfig) -> bool:
    """Whether all processes that a run asks for are there already."""
    devices, nodes = shape(options)
    outside = TorchElasticEnvironment.detect() or nodes > 1 or int(os.environ.get("SLURM_NTASKS", 1)) > 1
    return outside or not isinstance(devices, int) or devices < 2


def placement(options: TrainerConfig) -> dict[str, Any]:
    """Lightning's arguments for where a run computes and how its processes share the work."""
    devices, nodes = shape(options)
    several = str(devices) not in ("0", "1") or nodes > 1
    environment = LightningEnvironment()
    if TorchElasticEnvironment.detect():
        environment = TorchElasticEnvironment()
    elif SLURMEnvironment.detect() and several:
        environment = SLURMEnvironment(auto_requeue=False)  # lvc.training.interrupt requeues
    chosen = isinstance(options.devices, tuple) and devices == len(options.devices)
    return {
        "accelerator": options.accelerator,
        "devices": list(options.devices) if chosen else devices,
        "num_nodes": nodes,
        "strategy": AveragedGradients() if several or options.strategy == "ddp" else "auto",
        "plugins": [environment],
    }


class AveragedGradients(DDPStrategy):
    """Data parallelism without a wrapper around the module: after each backward pass, gradients are averaged.

    torch's wrapper must be told whether parameters stay unused, and with us that differs from step to step: the first P
    frame of DCVC-TCM mines the decoded frame, later ones the propagated feature (``update=frame`` steps after each),
    and a loss without a rate leaves entropy models alone. Its search for them walks the graph in every step. Here each
    process says which parameters have a gradient (a byte each), and what has one anywhere is averaged.

    The wrapper's advantage is to exchange gradients while others are still computed. It has little of that here: a
    parameter's gradient is complete only when the backward pass has been through all frames of the clip.
    """

    def configure_ddp(self) -> None:
        """Begin with the first process's weights everywhere, instead of wrapping the module."""
        for tensor in (*self.model.parameters(), *self.model.buffers()):
            if tensor.is_floating_point():  # whole numbers are counts and tables, which never differ
                torch.distributed.broadcast(tensor.data, 0)

    def post_backward(self, closure_loss: Tensor) -> None:
        """Average gradients (they are scaled, where precision has a loss scale), and what batch norms remember."""
        average_gradients([p for p in self.model.parameters() if p.requires_grad])
        _average(running_statistics(self.model))


def running_statistics(module: nn.Module) -> list[Tensor]:
    """Running means and variances of batch norms that train: each process has those of its own clips."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    return [s for m in norms for s in (m.running_mean, m.running_var) if s is not None]


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Average gradients over all processes, which must call this with the same parameters.

    A parameter that only some processes used counts as 0 where it was not; one that none used keeps no gradient, so
    that an optimiser leaves it alone as it does in a single process.
    """
    used = torch.tensor([p.grad is not None for p in parameters], dtype=torch.uint8, device=parameters[0].device)
    torch.distributed.all_reduce(used, torch.distributed.ReduceOp.MAX)
    gradients = []
    for parameter, somewhere in zip(parameters, used.tolist(), strict=True):
        if somewhere and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        if somewhere:
            gradients.append(parameter.grad)
    _average(gradients)


def _average(tensors: Sequence[Tensor]) -> None:
    """Put the mean over all processes into each tensor."""
    for bucket in _buckets(tensors):
        flat = torch.cat([t.flatten() for t in bucket])
        torch.distributed.all_reduce(flat)
        flat /= torch.distributed.get_world_size()
        for tensor, part in zip(bucket, flat.split([t.numel() for t in bucket]), strict=True):
            tensor.copy_(part.view(tensor.shape))


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Neighbours of one type, about :data:`BUCKET` bytes together."""
    bucket, size = [], 0
    for tensor in tensors:
        if bucket and (size >= BUCKET or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel() * tensor.element_size()
    if bucket:
        yield bucket


def averaged(figures: dict[str, float], strategy: Any) -> dict[str, float]:
    """Means of figures over all processes, which have the same names."""
    if not isinstance(strategy, DDPStrategy):
        return figures
    values = torch.tensor(list(figures.values()), dtype=torch.float64, device=strategy.root_device)
    return dict(zip(figures, strategy.reduce(values, reduce_op="mean").tolist(), strict=True))


@contextmanager
def together() -> Iterator[None]:
    """Say plainly that another process is gone, which the one that waits for it sees as a broken connection.

    Raises:
        UserError: In that case.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(sign in str(error) for sign in ("Connection closed by peer", "Connection reset", "Broken pipe")):
            raise
        raise UserError("another process of the run has stopped; what it said comes before this") from None
