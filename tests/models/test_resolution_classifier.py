"""The classifier of motion's resolution: what it is told by, and that it can learn it."""

import pytest
import torch
from torch.nn import functional as F

from lvc.config.contract import ConfigError, build
from lvc.config.model import ModelConfig
from lvc.models.build import build_codec
from lvc.motion.correlation import cost_volume
from tests.conftest import moving_clip


def classifier(**changes):
    base = {"name": "resolution_classifier", "size": "tiny", "widths": [8, 12, 16, 16], "channels": 16}
    return build_codec(build(ModelConfig, base | changes))


def test_a_cost_volume_is_largest_where_the_reference_is_the_frame():
    frame = F.normalize(torch.randn(1, 8, 12, 14), dim=1)
    moved = frame.roll((2, -1), (2, 3))  # what the frame has at (y, x) the reference has at (y + 2, x - 1)
    volume = cost_volume(frame, moved, radius=3)
    assert volume.shape == (1, 49, 12, 14)
    assert (volume[0, :, 4:-4, 4:-4].argmax(0) == (2 + 3) * 7 + (-1 + 3)).all()
    assert volume[0, 0, 0].abs().sum() == 0  # displaced out of the reference


def test_frames_of_any_size_and_one_or_two_references():
    network = classifier(factors=[1, 2, 4])
    frame, past, future = moving_clip(3, 70, 101).unbind(1)
    assert network(frame, past).shape == (1, 3)
    both = network(frame, past, future)
    assert torch.allclose(both, network(frame, future, past), atol=1e-5)
    # a B* frame has the same reference twice
    assert torch.allclose(network(frame, past), network(frame, past, past), atol=1e-5)


def test_it_learns_to_tell_small_motion_from_large():
    generator = torch.Generator().manual_seed(0)
    network = classifier(factors=[1, 4])
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)

    def batch(count):
        picture = torch.rand(count, 3, 24, 24, generator=generator)
        large = F.interpolate(picture, (144, 144), mode="bicubic").clamp(0, 1)
        far = torch.randint(0, 2, (count,), generator=generator)
        moved = torch.stack([p.roll(24 if f else 2, -1) for p, f in zip(large, far, strict=True)])
        return large[..., 24:120, 24:120], moved[..., 24:120, 24:120], far

    for _ in range(60):
        frame, reference, far = batch(8)
        optimizer.zero_grad()
        F.cross_entropy(network(frame, reference), far).backward()
        optimizer.step()
    frame, reference, far = batch(32)
    with torch.no_grad():
        assert (network(frame, reference).argmax(1) == far).float().mean() > 0.9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"factors": [2]}, "factors"),
        ({"factors": [1, 3]}, "factors: 3 is no power of two"),
        ({"codec": 3, "x": 1}, "x"),
    ],
    ids=str,
)
def test_what_it_cannot_be_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        classifier(**changes)
