import pytest
import torch

from lvc.config.run import build_run

TINY = {
    "name": "dcvc_tcm",
    "size": "tiny",
    "channels": 8,
    "propagated_channels": 8,
    "latent_channels": 12,
    "motion_channels": 8,
    "hyper_channels": 8,
    "flow": {"levels": 4, "widths": [8, 8, 8, 4]},
    "intra": {"name": "intra_cheng2020", "size": "tiny", "channels": 8},
}

SCENES = {"name": "synthetic", "clips": 4, "clip_frames": 4, "height": 64, "width": 64, "shapes": 6}

MOTION, FRAME = ["motion", "motion_hyper"], ["frame", "frame_hyper"]

STAGES = {
    "intra": {"train": ["intra"], "frames": 1, "loss": {"rate": {"intra": 1.0, "intra_hyper": 1.0}}},
    "motion": {
        "train": ["flow", "motion"],
        "loss": {"distortion": {"prediction": 1.0}, "rate": dict.fromkeys(MOTION, 1.0)},
    },
    "frame": {"train": ["context", "frame"], "loss": {"rate": dict.fromkeys(FRAME, 1.0)}},
    "joint": {
        "train": ["flow", "motion", "context", "frame"],
        "frames": 3,
        "loss": {"rate": dict.fromkeys(MOTION + FRAME, 1.0)},
    },
}


def compose(folder, stages=("frame",), **changes) -> dict:
    fields = {"steps": 2, "batch_size": 1, "crop": 64, "lr": 1e-3} | changes.pop("stage", {})
    data = {
        "name": "test",
        "dir": str(folder),
        "model": TINY,
        "dataset": SCENES,
        "schedule": {"name": "test", "order": list(stages), "stages": {n: STAGES[n] | fields for n in stages}},
        "loss": {"lmbda": 256},
        "optimizer": {"name": "AdamW"},
        "trainer": {
            "accelerator": "cpu",
            "workers": 0,
            "threads": 1,
            "progress": False,
            "log_every": 1,
            "validation_clips": 1,
            "validation_frames": 2,
            "pictures": 0,
        },
        "logger": {},
    }
    for key, value in changes.items():
        data[key] = {**data.get(key, {}), **value} if isinstance(value, dict) else value
    return data


@pytest.fixture(scope="session")
def tiny_in():
    """Make a whole tiny run: `tiny_in(folder, stages, stage={fields of every stage}, trainer={...}, ...)`."""

    def make(folder, stages=("frame",), **changes):
        data = compose(folder, stages, **changes)
        return build_run(data), data

    return make


@pytest.fixture
def tiny(tiny_in, tmp_path):
    """The same in a folder of the test's own."""
    return lambda stages=("frame",), folder="run", **changes: tiny_in(tmp_path / folder, stages, **changes)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
