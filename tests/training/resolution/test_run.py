"""A classifier of motion's resolution, trained as a user trains it, and asked by an encoder."""

import csv
import os
import shutil
import signal
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from lvc.coding.settings import EncodeOptions
from lvc.coding.video import decode_video, encode_video
from lvc.config.contract import ConfigError
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.config.resolution_classifier import ResolutionClassifierConfig
from lvc.config.run import build_run
from lvc.errors import UserError
from lvc.evaluation.systems import find_systems
from lvc.export import load_export, save_export
from lvc.training.resolution.costs import Costs, FactorCosts
from lvc.training.resolution.module import expected_excess, labels
from lvc.training.run import train
from tests.commands import processes
from tests.conftest import moving_clip, tiny_codec, tiny_config
from tests.evaluation.test_run import configured
from tests.models import codec_b_canf
from tests.training.conftest import compose

LOSS = {"config": {"loss": {"lmbda": 512, "metric": "mse"}}}
SCENES = {"name": "synthetic", "clips": 4, "clip_frames": 5, "height": 64, "width": 64, "shapes": 6}


def classifier_run(folder, codec, model=None, stage=None, **changes):
    changes["trainer"] = {"checkpoint_every": 2, "validation_frames": 5} | changes.get("trainer", {})
    data = compose(folder, **changes)
    data["model"] = {
        "name": "resolution_classifier",
        "widths": [4, 4, 4, 4],
        "channels": 4,
        "factors": [1, 2],
        "views": 1,
    }
    data["model"] |= {"codec": str(codec)} | (model or {})
    fields = {"train": ["classifier"], "frames": 3, "steps": 4, "batch_size": 2, "crop": 64, "lr": 1e-3}
    fields |= {"distance": 2, "random_distance": True, "loss": {"distortion": {}}} | (stage or {})
    data["schedule"] = {"name": "test", "order": ["classify"], "stages": {"classify": fields}}
    data["dataset"] = SCENES
    return build_run(data), data


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    path = tmp_path_factory.mktemp("codec") / "codec.safetensors"
    return save_export(path, tiny_codec(), tiny_config(), LOSS)


@pytest.fixture(scope="module")
def trained(codec, tmp_path_factory):
    torch.set_num_threads(1)
    run, data = classifier_run(tmp_path_factory.mktemp("run"), codec)
    return run, train(run, data)


def test_costs_are_those_of_coding_under_each_factor(codec):
    find = FactorCosts(ResolutionClassifierConfig(name="resolution_classifier", codec=str(codec), factors=(1, 4)))
    clip = (moving_clip(3, 70, 64) * 255).round().byte()
    found = find(clip)
    assert found.costs.shape == (1, 2) and found.frame.shape == (1, 3, 70, 64) and len(found.references) == 1
    assert found.costs[0, 0] != found.costs[0, 1] and find.lmbda == 512
    assert torch.equal(find(clip.expand(2, -1, -1, -1, -1)).costs[:1], found.costs)
    # in the order of factors, and not one more
    other = FactorCosts(ResolutionClassifierConfig(name="resolution_classifier", codec=str(codec), factors=(4, 8)))
    assert torch.equal(other(clip).costs[:, 0], found.costs[:, 1])


def test_b_frames_lie_between_two_references(tmp_path):
    path = save_export(tmp_path / "b.safetensors", codec_b_canf.tiny_codec(), codec_b_canf.tiny_config(), LOSS)
    find = FactorCosts(ResolutionClassifierConfig(name="resolution_classifier", codec=str(path), factors=(1, 2)))
    assert len(find((moving_clip(3, 64, 64) * 255).byte()).references) == 2


def test_labels_are_soft_where_factors_cost_alike():
    found = Costs(torch.zeros(1), [], torch.tensor([[1.0, 1.0, 2.0], [1.02, 1.0, 1.04]]))
    soft = labels(found, 0.02)
    assert soft[0].tolist() == pytest.approx([0.5, 0.5, 0.0], abs=1e-6)
    assert soft[1].argmax() == 1 and soft[1, 0] / soft[1, 1] == pytest.approx(torch.e**-1, rel=1e-3)
    assert float(expected_excess(torch.eye(3)[[2, 0]], found)) == pytest.approx((1.0 + 0.02) / 2, rel=1e-3)


def test_an_export_comes_of_it_that_says_of_which_codec(trained, codec):
    run, path = trained
    export = load_export(path, codec_only=False)
    assert export.config.factors == (1, 2) and not any("codec" in name for name in export.codec.state_dict())
    assert export.info["provenance"]["started_from"]["model.codec"] == load_export(codec).info["digest"]
    with Path(run.dir, "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    logged = {key for row in rows for key, value in row.items() if value}
    assert {"train/loss", "train/excess", "val/excess", "val/excess_two", "val/excess_full"} <= logged
    assert "%" in Path(run.dir, "summary.txt").read_text()


def test_a_killed_run_goes_on_to_the_same_weights(trained, codec, tmp_path):
    run, data = classifier_run(tmp_path, codec)
    process = processes().Process(target=_train_and_die, args=(run, data))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    ours, theirs = (load_export(p, codec_only=False).codec.state_dict() for p in (trained[1], train(run, data)))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def _train_and_die(run, data):
    """Train until the first checkpoint after a step is there, and end without warning."""
    torch.set_num_threads(1)
    from lvc.training import checkpoints

    save = checkpoints.Checkpointer.save

    def save_and_die(self, trainer, module):
        save(self, trainer, module)
        if module.done == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.Checkpointer.save = save_and_die
    train(run, data)


def test_an_encoder_takes_what_it_says_and_a_decoder_does_not_need_it(trained, codec, tmp_path, monkeypatch):
    clip, target = moving_clip(3, 64, 70).unbind(1), tmp_path / "a.lvc"
    config = MotionResolutionConfig(search="classifier", classifier=str(trained[1]), factors=(1, 2))

    def encoded(**changes):
        export = load_export(codec)
        sent = encode_video(
            export, clip, target, Fraction(30), options=EncodeOptions(resolution=replace(config, **changes))
        )
        return [frame for frame in sent]

    export = load_export(trained[1], codec_only=False)
    for answer in (0, 1):
        monkeypatch.setattr(
            "lvc.models.resolution_classifier.ResolutionClassifier.forward",
            lambda self, *pictures, answer=answer: torch.eye(2)[[answer]],
        )
        sent = encoded()
        assert {e.motion_factor for e in sent[1:]} == {export.config.factors[answer]}
        trained[1].rename(tmp_path / "away")
        decoded = list(decode_video(target, load_export(codec)))
        (tmp_path / "away").rename(trained[1])
        assert all(torch.equal(decoded[e.packet.index], e.frame) for e in sent)
    # of two candidates the cheaper one is taken, whatever it says
    assert [e.packet.payload for e in encoded(candidates=2)] == [
        e.packet.payload for e in encoded(search="exhaustive", classifier=None)
    ]


def test_an_evaluation_knows_it_by_what_it_is_and_not_by_where_it_lies(trained, codec, tmp_path):
    def settings(classifier):
        search = {"search": "classifier", "classifier": str(classifier), "factors": (1, 2)}
        (system,) = find_systems(
            configured(tmp_path, tmp_path, exports=str(codec), codecs=[], motion_resolution=search)
        )
        return system.codec, system.settings

    moved = Path(shutil.copy(trained[1], tmp_path / "moved.safetensors"))
    assert settings(moved) == settings(trained[1]) and settings(moved)[0] == "dcvc_tcm-tiny-omra-classifier"
    with pytest.raises(ConfigError, match=r"^motion_resolution.classifier: .*: no such export"):
        settings(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"classifier": "nowhere.safetensors"}, r"^motion_resolution.classifier: nowhere.safetensors: no such export"),
        ({"classifier": "CODEC"}, "is of dcvc_tcm; name an export of model=resolution_classifier"),
        ({"factors": (1, 2, 4)}, r"knows factors \[1, 2\], and motion_resolution.factors are \[1, 2, 4\]"),
    ],
    ids=str,
)
def test_a_classifier_that_does_not_fit_is_refused(trained, codec, tmp_path, options, said):
    options = {"classifier": str(trained[1]), "factors": (1, 2)} | options
    options["classifier"] = options["classifier"].replace("CODEC", str(codec))
    config = MotionResolutionConfig(search="classifier", **options)
    with pytest.raises(UserError, match=said):
        list(
            encode_video(
                load_export(codec), [], tmp_path / "a.lvc", Fraction(30), options=EncodeOptions(resolution=config)
            )
        )


def test_it_is_no_codec(trained):
    with pytest.raises(UserError, match="is a classifier, no codec; an encoder asks it with motion_resolution"):
        load_export(trained[1])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": {"codec": None}}, "^model.codec: is required"),
        ({"stage": {"train": ["flow"]}}, "resolution_classifier has no part 'flow'; choices are: classifier"),
        ({"stage": {"frames": 2}}, "frames: 2 frames, and a frame stands between 2 references: 3"),
        ({"stage": {"loss": {"distortion": {"frame": 1.0}}}}, "resolution_classifier codes nothing"),
        ({"stage": {"flow": {"epe": 1.0}}}, "flow: resolution_classifier has no such terms"),
        ({"model": {"factors": [1, 8]}}, "crop: 64 is too small for motion at 1/8; 128 or more"),
    ],
    ids=str,
)
def test_runs_that_cannot_be_are_refused(tmp_path, codec, changes, said):
    with pytest.raises(ConfigError, match=said):
        classifier_run(tmp_path, codec, **changes)


@pytest.mark.parametrize(
    ("provenance", "make", "said"),
    [
        ({}, (tiny_codec, tiny_config), "model.lmbda: .* does not say that of the MSE; give it"),
        (LOSS, None, "nowhere.safetensors: no such export"),
    ],
    ids=["no lambda", "no file"],
)
def test_a_codec_that_cannot_be_learned_from_is_refused_before_the_first_step(tmp_path, provenance, make, said):
    path = tmp_path / "nowhere.safetensors"
    if make:
        save_export(path, make[0](), make[1](), provenance)
    run, data = classifier_run(tmp_path / "run", path)
    with pytest.raises(UserError, match=said):
        train(run, data)
