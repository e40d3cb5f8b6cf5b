import pytest
import torch

from lvc.layers.unet import UNet, UNetGenerator


@pytest.mark.parametrize(("inputs", "parameters"), [(64, 1_739_808), (128, 1_760_288), (192, 1_780_768)])
def test_parameters_are_those_of_dcvc_hems_u_net(inputs, parameters):
    assert sum(p.numel() for p in UNet(inputs, 64).parameters()) == parameters


@pytest.mark.parametrize(
    ("unets", "dense", "inputs"), [(3, True, [16, 32, 48]), (3, False, [16] * 3), (1, False, [16])]
)
def test_dense_connections_add_up(unets, dense, inputs):
    generator = UNetGenerator(8, 16, unets, dense)
    assert [unet.down[0].shortcut.in_channels for unet in generator.unets] == inputs
    frame, feature = generator(torch.randn(2, 8, 16, 24), [torch.randn(2, 16, 16, 24)])
    assert (frame.shape, feature.shape) == ((2, 3, 16, 24), (2, 16, 16, 24))


@pytest.mark.parametrize("dense", [True, False])
def test_a_fresh_generator_passes_the_context_on(dense):
    torch.manual_seed(0)
    generator = UNetGenerator(8, 16, 3, dense)
    generator.start_as_copy()
    context = torch.rand(1, 16, 16, 16)
    with torch.no_grad():
        frame, _ = generator(torch.zeros(1, 8, 16, 16), [context])
    assert (frame - context[:, :3]).abs().max() < 0.3
    assert (frame - context[:, :3]).square().mean() < 0.01
