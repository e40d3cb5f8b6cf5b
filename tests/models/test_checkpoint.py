"""What people wrap networks in: taken off, whatever it is."""

import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import save_file
from torch import nn

from lvc.importers.checkpoint import read_checkpoint


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


WANTED = network().state_dict()
OTHER = {name: torch.zeros_like(tensor) for name, tensor in WANTED.items()}


def prefixed(prefix, tensors=WANTED):
    return {prefix + name: tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    "content",
    [
        WANTED,
        prefixed("module."),
        prefixed("_orig_mod."),
        prefixed("module._orig_mod."),
        prefixed("_orig_mod.module.model."),
        prefixed("model.net.module."),
        {"state_dict": WANTED, "epoch": 3, "loss": torch.tensor(0.5)},
        {"model_state_dict": prefixed("module."), "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}},
        {"net": WANTED},
        {"model": {"state_dict": prefixed("_orig_mod.")}},
        {"params": OTHER, "params_ema": WANTED},
        {"state_dict": OTHER, "ema_state_dict": prefixed("module.")},
        {"model": OTHER, "ema": {"module": WANTED, "decay": 0.999}},
        {"state_dict": prefixed("model.", OTHER) | prefixed("ema_model.")},
        {"n_averaged": torch.tensor(7), **prefixed("module.")},
    ],
    ids=lambda content: ",".join(list(content)[:2]),
)
def test_the_network_is_found_and_its_names_are_its_own(tmp_path, content):
    torch.save(content, tmp_path / "net.pth")
    found = read_checkpoint(tmp_path / "net.pth")
    assert set(found) == set(WANTED)
    assert all(torch.equal(found[name], tensor) for name, tensor in WANTED.items())


def test_an_average_of_torchs_own_is_read(tmp_path):
    averaged = torch.optim.swa_utils.AveragedModel(torch.compile(network()))
    torch.save({"state_dict": averaged.state_dict()}, tmp_path / "net.pth")
    assert set(read_checkpoint(tmp_path / "net.pth")) == set(WANTED)


def test_a_checkpoint_of_lightning_is_read(tmp_path):
    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = network()

        def training_step(self, batch):
            return self.model(batch[0]).square().mean()

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.0)

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(2, 2)))
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = pl.Trainer(max_steps=1, default_root_dir=tmp_path, enable_checkpointing=False, **quiet)
    trainer.fit(Module(), data)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    found = read_checkpoint(tmp_path / "last.ckpt")
    assert all(torch.equal(found[name], tensor) for name, tensor in WANTED.items())


def test_a_safetensors_file_is_read(tmp_path):
    save_file(prefixed("module."), tmp_path / "net.safetensors")
    assert set(read_checkpoint(tmp_path / "net.safetensors")) == set(WANTED)
