import pytest
import torch

from lvc.layers.bounds import lower_bound
from lvc.layers.conv import ResBlock, deconv, subpixel
from lvc.layers.gdn import GDN


def test_gdn_at_the_start_divides_by_one_plus_a_tenth_of_the_energy():
    x = torch.randn(2, 6, 5, 7)
    assert torch.allclose(GDN(6)(x), x / (1 + 0.1 * x * x).sqrt(), atol=1e-6)
    assert torch.allclose(GDN(6, inverse=True)(x), x * (1 + 0.1 * x * x).sqrt(), atol=1e-6)


def test_gdn_equals_compressai():
    from compressai.layers import GDN as Theirs

    theirs, ours = Theirs(6), GDN(6)
    with torch.no_grad():
        theirs.gamma.add_(torch.rand(6, 6) * 0.1)
        theirs.beta.mul_(1.5)
    ours.load_state_dict({"beta": theirs.beta, "gamma": theirs.gamma})
    x = torch.randn(1, 6, 4, 4)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)


def test_lower_bound_lets_a_gradient_raise_what_is_below():
    x = torch.tensor([0.5, 0.5, 2.0], requires_grad=True)
    (lower_bound(x, 1.0) * torch.tensor([1.0, -1.0, 1.0])).sum().backward()
    assert x.grad.tolist() == [0.0, -1.0, 1.0]


@pytest.mark.parametrize("layer", [deconv(4, 6), subpixel(4, 6)])
def test_upsampling_doubles_exactly(layer):
    assert layer(torch.zeros(1, 4, 5, 7)).shape == (1, 6, 10, 14)


def test_bottleneck_block_halves_the_channels_between():
    block = ResBlock(8, bottleneck=True)
    assert block.conv1.out_channels == 4
    assert block(torch.zeros(1, 8, 3, 3)).shape == (1, 8, 3, 3)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_block_at_a_quarter_of_the_positions_is_the_whole_one_there(row, column):
    block, x = ResBlock(5, slope=0.2, start=False, end=True), torch.randn(2, 5, 6, 8)
    assert torch.allclose(block.at_quarter(x, row, column), block(x)[..., row::2, column::2], atol=1e-6)
