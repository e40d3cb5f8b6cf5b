"""A flow network trained as a user trains it: learns, resumes, exports, and starts codecs."""

import csv
import os
import signal

import pytest
import torch

from lvc.codec import VideoCodec
from lvc.config.contract import ConfigError
from lvc.config.run import build_run
from lvc.errors import UserError
from lvc.export import load_export, load_parts
from lvc.training.run import train
from tests.commands import processes
from tests.conftest import tiny_codec
from tests.training.conftest import compose

SCENES = {"name": "synthetic", "clips": 40, "clip_frames": 2, "height": 32, "width": 32, "shapes": 8, "cache": True}
WIDTHS = [4, 4, 4, 4]  # those of the small codec in tests/conftest.py
STAGES = {
    "coarse": {"train": ["level1"], "flow": {"epe": 1.0, "grey": 0.5}, "crop": 16},
    "joint": {
        "train": ["level1", "level0"],
        "flow": {"epe": 1.0, "epe_power": 0.5, "fewest_levels": 1},
        "crop": 32,
        "on_enter": {"start": {"do": "copy", "source": "level1", "target": "level0"}},
    },
    "pictures": {
        "train": ["level1", "level0"],
        "flow": {"photometric": 1.0, "smoothness": 0.1, "measure": "census"},
        "crop": 32,
    },
}


def flow_run(folder, stages=("coarse", "joint", "pictures"), model=None, stage=None, change=None, **changes):
    fields = {"steps": 4, "batch_size": 2, "lr": 1e-3, "loss": {"distortion": {}}} | (stage or {})
    changes["trainer"] = {"validation_clips": 1, "pictures": 1} | changes.get("trainer", {})
    data = compose(folder, **changes)
    spynet = {"name": "spynet", "size": "tiny", "levels": 2, "widths": WIDTHS}
    data["model"] = model if model and "name" in model else spynet | (model or {})
    plans = {name: STAGES[name] | fields | (change or {}) for name in stages}
    data["schedule"] = {"name": "test", "order": list(stages), "stages": plans}
    data["dataset"] = SCENES | changes.get("dataset", {})
    return build_run(data), data


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    run, data = flow_run(tmp_path_factory.mktemp("flow"), trainer={"checkpoint_every": 2})
    return run, train(run, data)


def test_an_export_comes_of_it_and_says_what_made_it(trained):
    _run, path = trained
    export = load_export(path, codec_only=False)
    assert not isinstance(export.codec, VideoCodec)
    assert list(export.codec.parts) == ["level0", "level1"]
    assert list(export.info["provenance"]["stages"]) == ["coarse", "joint", "pictures"]
    assert export.info["provenance"]["config"]["model"]["widths"] == WIDTHS


def test_figures_and_pictures_are_logged(trained):
    from pathlib import Path

    folder = Path(trained[0].dir)
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    logged = {key for row in rows for key, value in row.items() if value}
    assert {"train/loss", "train/epe", "train/photometric", "train/psnr", "val/epe", "val/epe_0_1"} <= logged
    assert list((folder / "pictures").glob("*.png"))
    assert "EPE" in (folder / "summary.txt").read_text()


def test_a_killed_run_goes_on_to_the_same_weights(trained, tmp_path):
    _whole, path = trained
    run, data = flow_run(tmp_path / "killed", trainer={"checkpoint_every": 2})
    process = processes().Process(target=_train_and_die, args=(run, data, tmp_path))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    again = train(run, data)
    ours, theirs = (load_export(p, codec_only=False).codec.state_dict() for p in (path, again))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def _train_and_die(run, data, folder):
    """Train until a second checkpoint of the stage `joint` is there, and end without warning."""
    torch.set_num_threads(1)
    from lvc.training import checkpoints

    save = checkpoints.Checkpointer.save

    def save_and_die(self, trainer, module):
        save(self, trainer, module)
        if module.name == "joint" and module.done == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.Checkpointer.save = save_and_die
    train(run, data)


def test_training_on_true_flow_lowers_the_error(tmp_path):
    stage = {"steps": 130, "batch_size": 16, "lr": 2e-3}
    alone = {"train": ["level0"], "on_enter": {}, "flow": {"epe": 1.0}}
    fast = {"dataset": {"min_motion": 3, "height": 40, "width": 40, "shapes": 16}}
    run, data = flow_run(tmp_path, ("joint",), {"levels": 1, "widths": [8, 16, 8, 8]}, stage, alone, **fast)
    train(run, data)
    with (tmp_path / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["train/epe"]]
    ratios = [float(row["train/epe"]) / float(row["train/epe_zero"]) for row in rows]
    assert sum(ratios[-10:]) / 10 < 0.95 * sum(ratios[:10]) / 10


def test_a_codec_starts_from_it(trained, tmp_path):
    codec = tiny_codec()  # four levels, and the export has two
    with pytest.raises(UserError, match="part 'flow' of 'spynet' is missing or of another shape"):
        load_parts(codec, trained[1], ("flow",))
    run, data = flow_run(tmp_path, ("coarse",), {"levels": 5}, change={"train": ["level0"], "crop": 32})
    export = train(run, data)
    assert load_parts(codec, export, ("flow",)) == ["flow"]
    own, theirs = codec.flow.state_dict(), load_export(export, codec_only=False).codec.flow.state_dict()
    assert torch.equal(own["levels.3.0.weight"], theirs["levels.4.0.weight"])


def test_a_network_that_codes_nothing_is_refused_where_a_codec_is_wanted(trained):
    with pytest.raises(UserError, match="is a flow network, no codec; codecs start from it"):
        load_export(trained[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"train": ["level2"]},
            "schedule.stages.joint.train: spynet has no part 'level2'; choices are: level0, level1",
        ),
        ({"flow": {}}, "schedule.stages.joint.flow: epe and photometric weigh nothing"),
        ({"frames": 3}, "schedule.stages.joint.frames: 3 frames, and flow is between 2"),
        ({"crop": 17}, "schedule.stages.joint.crop: 17 is no multiple of 2 levels's stride 2"),
        ({"flow": {"epe": 1.0, "fewest_levels": 3}}, "flow.fewest_levels: 3 is more than model.levels, 2"),
        ({"loss": {"distortion": {"frame": 1.0}}}, "schedule.stages.joint.loss: spynet codes nothing"),
        ({"dataset": {"name": "folder", "path": "."}}, "flow.epe: dataset folder has no true flow; synthetic has"),
    ],
)
def test_stages_that_cannot_be_are_refused(tmp_path, change, message):
    with pytest.raises(ConfigError) as refused:
        flow_run(tmp_path, ("joint",), change=change)
    assert message in str(refused.value)


def test_a_codec_has_no_use_for_the_loss_of_flow(tmp_path):
    data = compose(tmp_path, stage={"flow": {"epe": 1.0}})
    with pytest.raises(ConfigError, match="dcvc_tcm is a codec, and its loss is in"):
        build_run(data)
