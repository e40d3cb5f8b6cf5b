import pytest
import torch

from lvc.training.flow.losses import end_point_error, hidden, outside, photometric, shrink, smoothness


def constant(x: float, y: float, size: int = 16) -> torch.Tensor:
    return torch.tensor([float(x), float(y)])[None, :, None, None].expand(1, 2, size, size).clone()


def test_end_point_error_is_the_length_of_the_difference():
    assert end_point_error(constant(3, 4), constant(0, 0)) == pytest.approx(5, rel=1e-3)
    assert end_point_error(constant(3, 4), constant(0, 0), power=0.5) == pytest.approx(5**0.5, rel=1e-3)
    exact = constant(1, 1).requires_grad_()
    end_point_error(exact, constant(1, 1), power=0.5).backward()
    assert torch.isfinite(exact.grad).all()


def test_flow_at_half_the_size_is_half_as_long():
    assert torch.allclose(shrink(constant(4, -2), 1), constant(2, -1, 8))


def test_hidden_is_what_flow_there_and_back_does_not_return_to():
    there, back = constant(2, 0), constant(-2, 0)
    assert hidden(there, back).sum() == 0
    back[..., 6:9] = 5  # what is seen there now came from elsewhere
    assert hidden(there, back)[0, 0, 8, 4:7].all() and not hidden(there, back)[..., :3].any()


def test_outside_is_where_flow_leaves_the_picture():
    left = outside(constant(3, 0))[0, 0]
    assert left[:, -3:].all() and not left[:, :-3].any()


@pytest.mark.parametrize("measure", ["census", "ssim", "l1"])
def test_photometric_is_least_for_equal_pictures(measure):
    picture = torch.rand(2, 3, 24, 24)
    none = torch.zeros(2, 1, 24, 24)
    same, other = (photometric(measure, picture, p, none) for p in (picture, torch.rand(2, 3, 24, 24)))
    assert same < 0.01 < 0.05 < other
    wrong = picture.clone()
    wrong[..., :12] = 0
    ignore = none.clone()
    ignore[..., :16] = 1
    assert photometric(measure, picture, wrong, ignore) < 0.01


def test_census_does_not_mind_a_change_of_light():
    picture, none = torch.rand(1, 3, 24, 24) * 0.5 + 0.2, torch.zeros(1, 1, 24, 24)
    change = photometric("census", picture, picture + 0.1, none)
    assert change < 0.001 < photometric("l1", picture, picture + 0.1, none)


def test_smoothness_lets_flow_change_at_edges():
    frame, flow = torch.zeros(1, 3, 16, 16), constant(0, 0)
    flow[..., 8:] = 4
    assert smoothness(constant(3, 1), frame) < 2e-3
    flat = smoothness(flow, frame)
    frame[..., 8:] = 1
    assert smoothness(flow, frame) < 0.1 * flat
