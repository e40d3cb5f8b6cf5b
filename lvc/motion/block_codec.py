"""Motion on a grid of 1/8: estimated by a flow network at half the size, corrected, coded, and refined by a decoder."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.config.parts import FlowConfig
from lvc.entropy.checkerboard import CheckerboardCoder
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import conv, full_precision
from lvc.layers.klt import start_at_zero
from lvc.layers.light import PATCH, GatedBlock, unshuffle
from lvc.layers.padding import pad
from lvc.layers.rate import QualityFactor
from lvc.motion.flow import flow_network
from lvc.motion.lucas_kanade import refinement
from lvc.motion.warp import warp


@dataclass(frozen=True)
class BlockMotion:
    """Decoded motion, in pixels of the frame.

    Attributes:
        coarse: ``(B, 2, H/8, W/8)`` what is coded, refined: what features are warped by.
        fine: ``(B, 2, H/4, W/4)`` what the frame is predicted by.
        still: There is none, and nothing need be warped.
    """

    coarse: Tensor
    fine: Tensor
    still: bool = False

    @staticmethod
    def none(like: Tensor) -> "BlockMotion":
        """No motion, for ``(B, C, H/8, W/8)`` features."""
        batch, _, height, width = like.shape
        still = torch.zeros(batch, 2, 2 * height, 2 * width, device=like.device)
        return BlockMotion(still[..., ::2, ::2], still, still=True)


def enlarge(flow: Tensor, times: int) -> Tensor:
    """Flow on a grid so many times as fine; its unit stays the frame's pixel."""
    return F.interpolate(flow.float(), scale_factor=times, mode="bilinear", align_corners=False)


class BlockMotionEstimator(nn.Module):
    """Flow at half the size, averaged over blocks of 8x8 and refined there.

    Args:
        config: The flow network's configuration.
        refinements: Steps of :func:`lvc.motion.lucas_kanade.refinement`.
    """

    def __init__(self, config: FlowConfig, refinements: int = 2):
        super().__init__()
        self.refinements = refinements
        self.network = flow_network(config)
        self.multiple = 64 if config.name == "pwc" else 1 << (config.levels - 1)

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        """``(B, 3, H, W)`` frames to ``(B, 2, H/8, W/8)`` flow in pixels of the frame."""
        reference = reference.detach()  # motion is found in what is decoded, and does not train it
        halves = [F.avg_pool2d(picture, 2) for picture in (frame, reference)]
        height, width = halves[0].shape[-2:]
        flow = self.network(*(pad(half, self.multiple) for half in halves))[..., :height, :width]
        flow = F.avg_pool2d(2 * flow.float(), PATCH // 2)
        for _ in range(self.refinements):
            flow = flow + refinement(flow, frame, reference)
        return flow


class BlockMotionCodec(nn.Module):
    """Codes motion under the reference's features and its last motion.

    Args:
        channels: Channels of the reference's features.
        width: Channels of its own networks.
        law: Distribution of the latent.
        qualities: Quality indices.
    """

    STEPS = (1.0, 2.8)
    """Steps per pixel of motion at the lowest and the highest quality, before training; means of 2x2 have two."""

    def __init__(self, channels: int, width: int, law: ScaleLaw, qualities: int):
        super().__init__()
        self.correct = nn.Sequential(
            conv(2 * 3 * PATCH**2 + 2, width, 1),
            GatedBlock(width),
            GatedBlock(width),
            start_at_zero(conv(width, 2)),
        )
        haar = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
        self.register_buffer("haar", torch.block_diag(haar, haar).reshape(8, 2, 2, 2), persistent=False)
        self.gain = QualityFactor(self.STEPS, qualities)
        self.known = nn.Sequential(nn.Conv2d(channels + 2, width, 2, 2), nn.LeakyReLU(0.1))
        self.entropy = CheckerboardCoder(8, width // 2, width, width, law)
        self.refine = nn.Sequential(
            conv(channels + 2, width), nn.LeakyReLU(0.1), GatedBlock(width), start_at_zero(conv(width, 8))
        )

    def encode_input(self, flow: Tensor, frame: Tensor, reference: Tensor) -> Tensor:
        """Estimated flow, corrected by how well it predicts; an encoder's alone."""
        predicted = warp(reference, enlarge(flow, PATCH))
        seen = torch.cat([unshuffle(frame - 0.5), unshuffle(predicted - 0.5), flow / PATCH], 1)
        return flow + self.correct(seen).float()

    def forward(
        self, flow: Tensor | None, features: Tensor, last: Tensor | None, q: Tensor, stream: SymbolStream
    ) -> tuple[BlockMotion, dict[str, Tensor]]:
        """Code motion.

        Args:
            flow: ``(B, 2, H/8, W/8)`` in pixels of the frame, ``None`` when reading.
            features: ``(B, C, H/8, W/8)`` of the reference.
            last: ``(B, 2, H/8, W/8)`` the reference's own motion, ``None`` where it has none.
            q: ``(B,)`` quality indices.
            stream: Where symbols go to or come from.

        Returns:
            The decoded motion, and bits ``(B,)`` by stream name.
        """
        batch, _, height, width = features.shape
        if last is None:
            last = torch.zeros(batch, 2, height, width, device=features.device)
        gain, t = self.gain(q), q / (self.gain.last or 1)
        context = self.known(torch.cat([features, (last / PATCH).to(features.dtype)], 1))
        with full_precision(features):
            y = None if flow is None else F.conv2d(flow.float(), self.haar, stride=2) * gain
        y, bits = self.entropy.code("motion", y, (batch, height // 2, width // 2), gain, t, context, stream)
        with full_precision(features):
            coarse = F.conv_transpose2d(y / gain, self.haar, stride=2)
        known = torch.cat([warp(features, coarse / PATCH), coarse / PATCH], 1)
        fine = enlarge(coarse, 2) + F.pixel_shuffle(self.refine(known).float(), 2)
        return BlockMotion(F.avg_pool2d(fine, 2), fine), bits

    @torch.no_grad()
    def start_from(self, flow: Tensor) -> None:
        """Begin with the deviations of ``(N, 2, h, w)`` flow in pixels."""
        deviations = F.conv2d(flow, self.haar, stride=2).square().mean((0, 2, 3)).sqrt()
        self.entropy.deviations.copy_(deviations)
