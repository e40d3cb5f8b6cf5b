import pytest
import torch

from lvc.layers.attention import AttentionBlock, MixedBlock

BLOCKS = {
    "mixed, 64": (lambda: MixedBlock(64), 64, 45_704),
    "mixed, 128": (lambda: MixedBlock(128), 128, 175_624),
    "gated": (lambda: AttentionBlock(16, window=4), 16, None),
}
blocks = pytest.mark.parametrize(("make", "channels", "parameters"), BLOCKS.values(), ids=BLOCKS.keys())


@blocks
def test_parameters(make, channels, parameters):
    count = sum(p.numel() for p in make().parameters())
    assert parameters in (count, None)


@blocks
@pytest.mark.parametrize("size", [(16, 24), (8, 8), (4, 4), (12, 20)])
def test_any_size_keeps_its_size(make, channels, parameters, size):
    x = torch.randn(2, channels, *size)
    assert make()(x).shape == x.shape


@blocks
def test_a_pixel_is_seen_within_its_windows_and_not_beyond(make, channels, parameters):
    """Two windows of 8 reach 16 pixels at the most, convolutions of the residual branches a few more."""
    block, x = make().eval(), torch.randn(1, channels, 64, 64)
    other = x.clone()
    other[..., 32, 32] += 1
    with torch.no_grad():
        changed = (block(x) - block(other)).abs().amax((0, 1)) > 0
    rows, columns = changed.nonzero().unbind(1)
    assert changed[32, 32]
    assert min(rows) >= 32 - 20 and max(rows) <= 32 + 20 and min(columns) >= 32 - 20 and max(columns) <= 32 + 20
    assert len(rows) > 25  # more than a 5x5 neighbourhood


def test_shifted_windows_do_not_let_opposite_borders_see_each_other():
    block, x = MixedBlock(16).eval(), torch.randn(1, 16, 32, 32)
    other = x.clone()
    other[..., 0, :] += 1
    with torch.no_grad():
        assert torch.equal(block(x)[..., -4:, :], block(other)[..., -4:, :])
