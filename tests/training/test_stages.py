import copy
from unittest.mock import ANY

import pytest
import torch

from lvc.config.contract import ConfigError, build
from lvc.config.run import OptimizerConfig
from lvc.config.schedule import ActionConfig, StageConfig
from lvc.errors import UserError
from lvc.export import save_export
from lvc.models.build import build_codec
from lvc.training.stages import build_optimizer, enter, freeze, learnable, learning_rate, parameter_groups
from tests.conftest import tiny_codec


@pytest.fixture
def codec(tiny):
    torch.manual_seed(0)
    return build_codec(tiny()[0].model)


def part(codec, name):
    return {
        n: p for i, m in enumerate(codec.parts[name]) for n, p in ((f"{i}.{n}", p) for n, p in m.named_parameters())
    }


def test_only_named_parts_ask_for_a_gradient(codec):
    may = learnable(codec)
    freeze(codec, ["motion"], may)
    trained = {id(p) for p in part(codec, "motion").values()}
    assert {id(p) for p in codec.parameters() if p.requires_grad} == trained
    assert all(m.training for m in codec.parts["motion"]) and not any(m.training for m in codec.parts["frame"])


def test_what_was_built_fixed_stays_fixed(codec):
    fixed = [n for n, p in codec.named_parameters() if not p.requires_grad]
    assert fixed, "the intra codec's quantiles"
    freeze(codec, ["intra"], learnable(codec))
    assert not any(p.requires_grad for n, p in codec.named_parameters() if n in fixed)


def test_biases_do_not_decay_where_weights_alone_do(codec):
    config = OptimizerConfig(kwargs={"weight_decay": 0.5}, decay="weights")
    optimizer = build_optimizer(parameter_groups(codec, {"motion": 0.5}), config, lr=0.1)
    before = {name: parameter.detach().clone() for name, parameter in codec.named_parameters()}
    for parameter in codec.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in codec.named_parameters():
        kept = 0.95 if parameter.ndim > 1 and parameter.requires_grad else 1.0
        assert torch.allclose(parameter, kept * before[name]), name
    assert {group["factor"] for group in optimizer.param_groups} == {0.5, 1.0}


def test_optimizer_holds_what_trains_and_nothing_else(codec):
    freeze(codec, ["motion"], learnable(codec))
    optimizer = build_optimizer(codec.parameters(), OptimizerConfig(kwargs={"weight_decay": 0.5}), 1e-4)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in part(codec, "motion").values()}
    assert optimizer.param_groups[0]["weight_decay"] == 0.5 and isinstance(optimizer, torch.optim.AdamW)
    with pytest.raises(UserError, match=r"optimizer\.kwargs: AdamW refuses"):
        build_optimizer(codec.parameters(), OptimizerConfig(kwargs={"momentum": 0.9}), 1e-4)


def test_learning_rate_warms_up_and_steps_down(tiny):
    fields = {"lr": 1.0, "warmup_steps": 4, "lr_milestones": [0.5, 0.75], "lr_factor": 0.1, "steps": 100}
    stage = tiny(stage=fields)[0].schedule.stages["frame"]
    rates = [learning_rate(stage, batch, 100) for batch in (0, 1, 3, 49, 50, 74, 75, 99)]
    assert rates == pytest.approx([0.25, 0.5, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01])


def test_load_action_takes_the_named_parts_alone(codec, tiny, tmp_path):
    config = tiny()[0].model
    other = build_codec(config)
    save_export(tmp_path / "other.safetensors", other, config, {})
    before = copy.deepcopy(codec.state_dict())
    enter(codec, "s", {"a": ActionConfig(do="load", path=str(tmp_path / "other.safetensors"), parts=("motion",))})
    for name, p in part(codec, "motion").items():
        assert torch.equal(p, part(other, "motion")[name])
    frame = [n for n, p in codec.named_parameters() if id(p) in {id(p) for p in part(codec, "frame").values()}]
    assert frame and all(torch.equal(codec.state_dict()[n], before[n]) for n in frame)


def test_copy_action_between_unlike_parts_is_refused(codec):
    actions = {"again": ActionConfig(do="copy", source="motion", target="frame")}
    with pytest.raises(UserError, match=r"schedule\.stages\.s\.on_enter\.again: part 'motion'"):
        enter(codec, "s", actions)


def test_copy_action_copies(codec):
    enter(codec, "s", {"same": ActionConfig(do="copy", source="motion", target="motion")})


def test_a_rate_can_fall_along_a_cosine_after_warming_up():
    stage = StageConfig(train=("flow",), steps=101, loss={}, lr=1e-3, lr_end=1e-5, warmup_steps=11)
    rates = [learning_rate(stage, batch, 112) for batch in range(112)]
    assert rates[10] == rates[11] == pytest.approx(1e-3)
    assert rates[0] == pytest.approx(1e-3 / 11)
    assert rates[61] == pytest.approx((1e-3 + 1e-5) / 2)
    assert rates[-1] == pytest.approx(1e-5)
    assert rates[11:] == sorted(rates[11:], reverse=True)
    with pytest.raises(ConfigError, match=r"lr_end: a rate along a cosine has no milestones"):
        build(StageConfig, {"train": ["flow"], "steps": 9, "loss": {}, "lr_end": 1e-5, "lr_milestones": [0.5]})


def test_a_cosine_can_start_again():
    fields = {"train": ("flow",), "steps": 100, "loss": {}, "lr": 1.0, "lr_end": 0.01, "lr_cycles": 2}
    rates = [learning_rate(StageConfig(**fields), batch, 100) for batch in range(100)]
    assert rates[0] == 1 and rates[-1] == pytest.approx(0.01)
    assert rates[50] > 0.99 and rates[49] < 0.02
    assert rates[:49] == sorted(rates[:49], reverse=True)


def test_parts_train_at_rates_of_their_own():
    codec = tiny_codec()
    freeze(codec, ("flow", "motion"), learnable(codec))
    groups = parameter_groups(codec, {"flow": 0.01})
    assert [group["factor"] for group in groups] == [1.0, 0.01]
    assert {id(p) for p in groups[1]["params"]} == {id(p) for p in codec.flow.parameters()}
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in codec.parameters() if p.requires_grad)
    assert parameter_groups(codec, {"frame": 0.5}) == [{"params": ANY, "factor": 1.0}]


def test_a_classical_start_measures_the_stages_own_clips():
    asked = []
    codec = tiny_codec()
    enter(codec, "s", {"start": ActionConfig(do="statistics", clips=24)}, asked.append)
    assert asked == [24]
