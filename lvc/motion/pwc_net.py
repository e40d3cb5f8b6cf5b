"""PWC-Net: optical flow from warped features and cost volumes (Sun et al., CVPR 2018, arXiv 1709.02371)."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.conv import conv
from lvc.motion.correlation import cost_volume
from lvc.motion.warp import warp

UNIT = 20.0
"""Pixels of the frame that a network's output of 1 stands for."""

DILATIONS = (1, 2, 4, 8, 16, 1)


class PWCNet(nn.Module):
    """Flow from a frame to its reference, coarse to fine, by features of both (Sec. 3).

    Six levels of features, from 1/2 to 1/64 of the size. On each from the coarsest down to 1/4, the reference's are
    warped by the flow so far and compared with the frame's within ``radius``; densely connected convolutions turn that
    into flow. A context network of dilated convolutions corrects the finest one, which is enlarged bilinearly. A
    fresh network's flow is nearly zero. Pictures are in [0, 1], without normalisation.

    Args:
        features: Channels of the levels, the finest first.
        decoder: Channels of each level's densely connected convolutions.
        context: Channels of the context network's dilated convolutions.
        radius: Reach of a comparison, in pixels of its level.
    """

    stride = 64
    """Sides of frames are multiples of this."""

    finest = 2
    """The level, at 1/4 of the size, that flow is found down to."""

    def __init__(
        self,
        features: Sequence[int] = (16, 32, 64, 96, 128, 196),
        decoder: Sequence[int] = (128, 128, 96, 64, 32),
        context: Sequence[int] = (128, 128, 128, 96, 64, 32),
        radius: int = 4,
    ):
        super().__init__()
        self.radius = radius
        self.features = nn.ModuleList(_features(i, o) for i, o in pairwise((3, *features)))
        compared = (2 * radius + 1) ** 2
        inputs = [compared] + [compared + width + 4 for width in reversed(features[self.finest - 1 : -1])]
        self.levels = nn.ModuleList(
            _Level(channels, decoder, last=number == len(inputs) - 1) for number, channels in enumerate(inputs)
        )
        self.context = _context(inputs[-1] + sum(decoder), context)
        self._start_near_zero()

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        """``(B, 3, H, W)`` frames to ``(B, 2, H, W)`` flow in pixels, pointing from ``frame`` to ``reference``."""
        *_, flow = self.pyramid(frame, reference)
        return flow

    def pyramid(self, frame: Tensor, reference: Tensor) -> Iterator[Tensor]:
        """The flow after every level, the coarsest first, each in pixels of its own size; at last at the frames'."""
        ours, theirs = self._seen(frame), self._seen(reference)
        flow = handed_on = None
        for level, a, b, number in zip(
            self.levels, reversed(ours), reversed(theirs), range(len(ours), 0, -1), strict=False
        ):
            if flow is None:
                known = [_compared(a, b, self.radius)]
            else:
                larger, dense = handed_on
                known = [_compared(a, warp(b, larger.float() * (UNIT / 2**number)), self.radius), a, larger, dense]
            found, flow, handed_on = level(torch.cat(known, 1))
            if number == self.finest:
                flow = flow + self.context(found)
            flow = flow.float()
            yield flow * (UNIT / 2**number)
        size = tuple(frame.shape[-2:])
        yield F.interpolate(flow, size, mode="bilinear", align_corners=False) * UNIT

    def _seen(self, picture: Tensor) -> list[Tensor]:
        """Features of every level, the finest first."""
        found = []
        for layer in self.features:
            picture = layer(picture)
            found.append(picture)
        return found

    @torch.no_grad()
    def _start_near_zero(self) -> None:
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(layer.weight, 0.1, "fan_in" if isinstance(layer, nn.Conv2d) else "fan_out")
                nn.init.zeros_(layer.bias)
        for last in (*(level.flow for level in self.levels), self.context[-1]):
            last.weight.mul_(0.02)


class _Level(nn.Module):
    """Densely connected convolutions: each sees the input and all before it, the last ones foremost.

    Args:
        inputs: Channels in.
        widths: Channels of the convolutions.
        last: Whether no finer level follows.
    """

    def __init__(self, inputs: int, widths: Sequence[int], last: bool):
        super().__init__()
        channels = [inputs + sum(widths[:number]) for number in range(len(widths) + 1)]
        self.layers = nn.ModuleList(
            nn.Sequential(conv(i, o), nn.LeakyReLU(0.1)) for i, o in zip(channels, widths, strict=False)
        )
        self.flow = conv(channels[-1], 2)
        self.enlarge_flow = None if last else nn.ConvTranspose2d(2, 2, 4, 2, 1)
        self.enlarge_features = None if last else nn.ConvTranspose2d(channels[-1], 2, 4, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor] | None]:
        """Features, flow, and what the next level is handed: both enlarged to its size."""
        for layer in self.layers:
            x = torch.cat([layer(x), x], 1)
        flow = self.flow(x)
        return x, flow, None if self.enlarge_flow is None else (self.enlarge_flow(flow), self.enlarge_features(x))


def _features(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(3):
        layers += [conv(outputs if number else inputs, outputs, stride=1 if number else 2), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers)


def _context(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o, apart in zip((inputs, *widths), widths, DILATIONS, strict=False):
        layers += [nn.Conv2d(i, o, 3, padding=apart, dilation=apart), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, conv(widths[-1], 2))


def _compared(frame: Tensor, reference: Tensor, radius: int) -> Tensor:
    return F.leaky_relu(cost_volume(frame, reference, radius), 0.1)
