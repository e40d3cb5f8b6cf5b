import torch

from lvc.motion.spynet import SpyNet
from lvc.motion.warp import double, halve, warp


def test_zero_flow_is_the_identity():
    x = torch.rand(2, 3, 16, 24)
    assert torch.allclose(warp(x, torch.zeros(2, 2, 16, 24)), x, atol=4e-6)


def test_integer_flow_is_a_shift_and_channel_0_is_horizontal():
    x = torch.rand(1, 3, 16, 24)
    flow = torch.zeros(1, 2, 16, 24)
    flow[:, 0], flow[:, 1] = 3, -2
    # backward warping: the target at (row, column) shows the reference at (row - 2, column + 3)
    assert torch.allclose(warp(x, flow)[..., 2:, :-3], x[..., :-2, 3:], atol=1e-5)


def test_warping_stays_in_float32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        assert warp(torch.rand(1, 3, 8, 8).bfloat16(), torch.zeros(1, 2, 8, 8)).dtype == torch.float32


def test_resized_flow_counts_pixels_of_its_own_size():
    flow = torch.full((1, 2, 8, 8), 4.0)
    assert torch.allclose(halve(flow), torch.full((1, 2, 4, 4), 2.0))
    assert torch.allclose(double(halve(flow)), flow)


def test_spynet_has_the_published_size_and_learns_a_shift():
    assert sum(p.numel() for p in SpyNet().parameters()) == 960_200
    torch.manual_seed(0)
    net = SpyNet(2, (8, 8, 8, 8))
    frame = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), scale_factor=8, mode="bicubic")
    reference = frame.roll(2, -1)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(120):
        flow = net(frame, reference)
        loss = (warp(reference, flow) - frame)[..., 4:-4].square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.2 * (reference - frame)[..., 4:-4].square().mean()
    assert flow[:, 0, 8:-8, 8:-8].median() > 1
