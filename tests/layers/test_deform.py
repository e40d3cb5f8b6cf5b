import pytest
import torch
from torchvision.ops import deform_conv2d

from lvc.layers.deform import DeformableConv


def material(batch=2, channels=6, groups=3, size=(7, 9)):
    torch.manual_seed(0)
    layer = DeformableConv(channels, groups)
    x = torch.randn(batch, channels, *size, requires_grad=True)
    motion = (3 * torch.randn(batch, 27 * groups, *size)).requires_grad_()  # some taps far outside
    return layer, x, motion


def test_values_and_gradients_are_torchvisions():
    layer, x, motion = material()
    ours = layer(x, motion)
    offsets, masks = motion.split([54, 27], 1)
    theirs = deform_conv2d(x, offsets, layer.weight, layer.bias, padding=1, mask=masks.sigmoid())
    assert torch.allclose(ours, theirs, atol=1e-5)
    weights = torch.randn_like(ours)
    inputs = [x, motion, layer.weight, layer.bias]
    pairs = zip(*(torch.autograd.grad((y * weights).sum(), inputs) for y in (ours, theirs)), strict=True)
    for found, expected in pairs:
        assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))


def test_offsets_are_rows_then_columns_in_pixels():
    layer, x, _ = material(groups=1)
    motion = torch.zeros(2, 27, 7, 9)
    motion[:, 0:18:2], motion[:, 18:] = 2.0, 100.0  # every tap two rows down, every mask 1
    still = torch.nn.functional.conv2d(x, layer.weight, layer.bias, padding=1)
    assert torch.allclose(layer(x, motion)[:, :, 1:4, 1:8], still[:, :, 3:6, 1:8], atol=1e-5)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_under_autocast_it_computes_in_float32_and_keeps_type_and_order(order):
    layer, x, motion = material()
    half = x.detach().bfloat16().to(memory_format=order)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(half, motion)
    assert found.dtype == torch.bfloat16
    assert found.is_contiguous(memory_format=order)
    assert torch.equal(found, layer(half.float(), motion).bfloat16())
