import csv
import os
from pathlib import Path

import pytest
import torch

from lvc.datasets.sequences import check

from .material import moving_scene, protocol, sequence

DATA = Path(os.environ.get("LVC_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def source():
    return check(sequence(moving_scene()), protocol())


@pytest.fixture(scope="session")
def tiny_exports(tmp_path_factory):
    """Two exports of one untrained system, at two rate points."""
    from lvc.config.contract import build
    from lvc.config.model import ModelConfig
    from lvc.export import save_export
    from lvc.models.build import build_codec

    sizes = {"channels": 8, "latent_channels": 6, "motion_channels": 8, "hyper_channels": 8, "propagated_channels": 8}
    intra = {"name": "intra_cheng2020", "size": "tiny", "channels": 8}
    config = build(ModelConfig, {"name": "dcvc_tcm", "size": "tiny", **sizes, "intra": intra})
    folder = tmp_path_factory.mktemp("exports")
    for seed, lmbda in enumerate((256.0, 2048.0)):
        torch.manual_seed(seed)
        stages = {"joint": {"loss": {"lmbda": None, "metric": None}}, "last": {"loss": {"lmbda": 1.0}}}
        loss = {"lmbda": lmbda, "metric": "mse"}
        provenance = {"config": {"schedule": {"stages": stages}, "loss": loss}}
        save_export(folder / f"{lmbda:g}" / "codec.safetensors", build_codec(config), config, provenance)
    return folder


@pytest.fixture
def recorded_clip():
    """A real clip with the rates that others recorded for it: (path, {codec: [(bpp, psnr), ...]})."""
    path = DATA / "test" / "BasketballPass_416x240_50.mkv"
    if not path.exists():
        pytest.skip(f"no clips at {DATA} (set LVC_DATA)")
    curves = {}
    with open(DATA / "anchors.csv") as file:
        for row in csv.DictReader(file):
            if row["clip"] == path.stem:
                curves.setdefault(row["codec"], []).append((float(row["bpp"]), float(row["psnr_rgb"])))
    return path, curves
