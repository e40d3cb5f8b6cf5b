from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins import MixedPrecision

from lvc.errors import UserError
from lvc.models.build import build_codec
from lvc.training import console
from lvc.training.module import StageModule
from lvc.training.stages import freeze, learnable


def fit(run, name, batches, precision="32-true", codec=None):
    """A stage over given batches, without data, validation or loggers."""
    torch.manual_seed(0)
    if codec is None:
        codec = build_codec(run.model)
        freeze(codec, run.schedule.stages[name].train, learnable(codec))
    module = StageModule(codec, run, name, len(batches))
    with console.quiet():
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=1,
            logger=False,
            precision=precision,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        trainer.fit(module, torch.utils.data.DataLoader(batches, batch_size=None, generator=torch.Generator()))
    return module, trainer


def clip(frames, value=None):
    pixels = torch.randint(0, 256, (1, frames, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    return {"clip": pixels if value is None else pixels * value, "name": ["scene"]}


def test_update_per_frame_steps_once_per_predicted_frame(tiny):
    run, _ = tiny(["joint"], stage={"frames": 4, "update": "frame", "references": "detached"})
    module, trainer = fit(run, "joint", [clip(4), clip(4)])
    assert trainer.global_step == 2 * 3 and module.done == 2  # the intra frame trains nothing


def test_update_per_clip_steps_once(tiny):
    run, _ = tiny(["joint"], stage={"frames": 4})
    _, trainer = fit(run, "joint", [clip(4), clip(4)])
    assert trainer.global_step == 2


@pytest.mark.parametrize("stage", [{"checkpointing": True}, {"grad_clip_by": "value"}, {"grad_clip": None}])
def test_stage_options_train(tiny, stage):
    run, _ = tiny(["joint"], stage=stage)
    module, _ = fit(run, "joint", [clip(3)])
    assert module.done == 1 and module.skipped == 0 and torch.isfinite(module.latest["train/loss"])


def test_checkpointing_changes_nothing_but_memory(tiny):
    weights = []
    for checkpointing in (False, True):
        run, _ = tiny(["joint"], stage={"checkpointing": checkpointing}, folder=str(checkpointing))
        weights.append(fit(run, "joint", [clip(3)])[0].codec.state_dict())
    torch.testing.assert_close(weights[0], weights[1])


def test_channels_last_trains_alike(tiny):
    losses = []
    for channels_last in (False, True):
        run, _ = tiny(["joint"], trainer={"channels_last": channels_last}, folder=str(channels_last))
        losses.append(fit(run, "joint", [clip(3)])[0].latest["train/loss"])
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-3, atol=0)


def test_bfloat16_trains(tiny):
    run, _ = tiny(["joint"])
    module, _ = fit(run, "joint", [clip(3)], precision="bf16-mixed")
    assert module.skipped == 0 and module.latest["train/loss"].dtype == torch.float32


def test_frame_sides_off_the_stride_are_padded(tiny):
    run, _ = tiny(["joint"])
    batch = clip(3)
    batch["clip"] = batch["clip"][..., :48, :50]
    assert fit(run, "joint", [batch])[0].skipped == 0


def test_step_that_is_not_finite_is_skipped_and_counted(tiny):
    run, _ = tiny(["joint"], optimizer={"kwargs": {"weight_decay": 0.1}})
    good, _ = fit(run, "joint", [clip(3)])
    module, _ = fit(run, "joint", [clip(3), clip(3, float("nan"))])
    assert (module.done, module.skipped) == (2, 1)
    for name, weight in good.codec.state_dict().items():
        assert torch.equal(weight, module.codec.state_dict()[name]), name


def test_too_many_skipped_steps_stop_the_run(tiny):
    run, _ = tiny(["joint"], trainer={"max_skipped": 3})
    bad = clip(3, float("nan"))
    with pytest.raises(UserError, match=r"stage 'joint', batch 3: .* 3 times in a row, last on clips scene"):
        fit(run, "joint", [clip(3), bad, bad, bad, clip(3)])


def test_samples_of_the_last_bad_step_are_saved(tiny):
    run, _ = tiny(["joint"], trainer={"max_skipped": 2})
    bad = clip(3, float("nan")) | {"index": torch.tensor([7])}
    with pytest.raises(UserError, match=r"last on clips scene \(number 7\), saved in .*joint_000000002_0\.pt; lower"):
        fit(run, "joint", [clip(3), bad, bad])
    (path,) = Path(run.dir, "nonfinite").iterdir()
    saved = torch.load(path, weights_only=True)
    assert (saved["stage"], saved["batch"], saved["step"]) == ("joint", 2, 2)
    assert (saved["names"], saved["indices"]) == (["scene"], [7])
    assert torch.equal(saved["clip"].isnan(), bad["clip"].isnan())


def test_samples_that_cannot_be_saved_do_not_hide_what_happened(tiny, tmp_path):
    run, _ = tiny(["joint"], trainer={"max_skipped": 1})
    Path(run.dir).write_text("in the way")
    with pytest.raises(UserError, match=r"was not finite 1 times in a row, last on clips scene, which could not be"):
        fit(run, "joint", [clip(3, float("nan"))])


def test_unreadable_samples_are_counted(tiny):
    run, _ = tiny(["joint"])
    module, _ = fit(run, "joint", [clip(3) | {"skipped": [""]}, clip(3) | {"skipped": ["torn.mkv"]}])
    assert module.corrupt == 1 and module.take_metrics()["train/corrupt_clips"] == 1


def test_loss_scale_outlives_an_interruption(tiny, tmp_path):
    def trainer():
        half = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2))
        quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
        return pl.Trainer(accelerator="cpu", max_epochs=1, plugins=[half], enable_progress_bar=False, **quiet)

    def batches(count):
        return torch.utils.data.DataLoader([clip(3)] * count, batch_size=None, generator=torch.Generator())

    run, _ = tiny(["frame"])
    codec = build_codec(run.model)
    freeze(codec, run.schedule.stages["frame"].train, learnable(codec))
    with console.quiet():
        first, again = trainer(), trainer()
        first.fit(StageModule(codec, run, "frame", 3), batches(3))
        first.save_checkpoint(tmp_path / "a.ckpt")
        scale = first.precision_plugin.scaler.get_scale()
        again.fit(StageModule(codec, run, "frame", 3), batches(0), ckpt_path=tmp_path / "a.ckpt", weights_only=True)
    assert scale != 8
    assert again.precision_plugin.scaler.get_scale() == scale


def test_good_step_in_between_starts_the_count_again(tiny):
    run, _ = tiny(["joint"], trainer={"max_skipped": 2})
    bad = clip(3, float("nan"))
    module, _ = fit(run, "joint", [bad, clip(3), bad, clip(3)])
    assert module.skipped == 2


def test_gradient_that_is_not_finite_leaves_weights_alone(tiny):
    run, _ = tiny(["joint"], optimizer={"kwargs": {"weight_decay": 0.1}})
    torch.manual_seed(0)
    codec = build_codec(run.model)
    freeze(codec, ["frame"], learnable(codec))
    before = {n: p.detach().clone() for n, p in codec.named_parameters()}
    hook = next(codec.parts["frame"][0].parameters()).register_hook(lambda grad: grad * float("inf"))
    module, _ = fit(run, "joint", [clip(3)], codec=codec)
    hook.remove()
    assert module.skipped == 1 and all(torch.equal(p, before[n]) for n, p in codec.named_parameters())
