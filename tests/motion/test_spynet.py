"""SpyNet: its pyramid, its start, and what its weights can be turned into."""

import pytest
import torch

from lvc.layers.conv import conv
from lvc.models.spynet import luma
from lvc.motion.spynet import SpyNet, fit_pyramid

WIDTHS = (8, 8, 8, 4)


def pictures(size=64, colours=3):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 2, colours, size, size, generator=generator).unbind(0)


def test_a_fresh_network_sees_little_motion_and_can_learn_at_once():
    frame, reference = pictures()
    network = SpyNet(4, WIDTHS)
    flow = network(frame, reference)
    assert flow.shape == (2, 2, 64, 64) and flow.abs().mean() < 0.5
    flow.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in network.named_parameters() if "weight" in n)


def test_the_first_layer_tells_the_direction_of_a_small_motion():
    # a slope that moves to the right by half a pixel: four units sum to slope times difference, and so to the motion
    x = torch.arange(32.0).expand(1, 3, 32, 32) / 64
    frame, reference = x, x - 0.5 / 64  # the point at x in the frame is at x + 0.5 in the reference
    units = SpyNet(1, WIDTHS).levels[0][:2](torch.cat([frame, reference, torch.zeros(1, 2, 32, 32)], 1))[0, :4, 16, 16]
    assert (units[0] + units[1] - units[2] - units[3]) * torch.tensor(1.0) > 0
    back = SpyNet(1, WIDTHS).levels[0][:2](torch.cat([reference, frame, torch.zeros(1, 2, 32, 32)], 1))[0, :4, 16, 16]
    assert back[0] + back[1] - back[2] - back[3] < 0


def test_the_finest_levels_of_a_network_are_a_network():
    frame, reference = pictures()
    whole, fewer = SpyNet(6, WIDTHS), SpyNet(4, WIDTHS)
    fewer.load_state_dict(fit_pyramid(whole.state_dict(), fewer))
    *_, flow = whole.pyramid(frame, reference, whole.levels[2:])
    assert torch.equal(fewer(frame, reference), flow)


def test_a_luma_network_sees_grey_pictures_as_the_colour_network_does():
    frame, reference = (p.mean(1, keepdim=True) for p in pictures())
    colour, grey = SpyNet(4, WIDTHS), SpyNet(4, WIDTHS, colours=1)
    grey.load_state_dict(fit_pyramid(colour.state_dict(), grey))
    expected = colour(frame.expand(-1, 3, -1, -1), reference.expand(-1, 3, -1, -1))
    assert torch.allclose(grey(frame, reference), expected, atol=1e-5)
    assert torch.allclose(luma(frame.expand(-1, 3, -1, -1)), frame, atol=1e-6)


def test_released_shapes_stay():
    assert sum(p.numel() for p in SpyNet(1).parameters()) == 240_050
    assert [tuple(m.weight.shape) for m in SpyNet(1).levels[0] if isinstance(m, type(conv(1, 1)))] == [
        (32, 8, 7, 7),
        (64, 32, 7, 7),
        (32, 64, 7, 7),
        (16, 32, 7, 7),
        (2, 16, 7, 7),
    ]


@pytest.mark.parametrize("levels", [1, 3])
def test_each_level_doubles_the_size(levels):
    frame, reference = pictures()
    flows = list(SpyNet(levels, WIDTHS).pyramid(frame, reference))
    assert [f.shape[-1] for f in flows] == [64 // 2**n for n in reversed(range(levels))]
