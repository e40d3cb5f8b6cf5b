"""Which resolution a frame's motion should be coded at, as its pictures tell (after Fast-OMRA, arXiv 2410.21763).

Fast-OMRA puts a light network on the frame and its references in place of OMRA's search. Its network is not described
where it could be read; this one is ours. Features at 1/4, 1/8 and 1/16 of the size are compared at every displacement
up to four of their pixels, which is up to 64 pixels of the frame; what the comparisons say is pooled over the picture,
and two layers turn it into one logit per factor. References are seen one by one and their poolings averaged, so one
network serves P frames and B frames.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.config.resolution_classifier import ResolutionClassifierConfig
from lvc.layers.conv import conv
from lvc.motion.correlation import cost_volume

RADIUS = 4


class ResolutionClassifier(nn.Module):
    """Pictures to a logit per factor.

    Args:
        config: The model's configuration.
    """

    stride = 16

    def __init__(self, config: ResolutionClassifierConfig):
        super().__init__()
        self.factors = config.factors
        widths, compared = config.widths, (2 * RADIUS + 1) ** 2
        self.first = _down(3, widths[0])
        self.down = nn.ModuleList(_down(i, o) for i, o in pairwise(widths))
        self.compare = nn.ModuleList(
            nn.Sequential(conv(compared + width, config.channels, kernel=1), nn.ReLU()) for width in widths[1:]
        )
        self.decide = nn.Sequential(
            nn.Linear(2 * len(self.compare) * config.channels, config.channels),
            nn.ReLU(),
            nn.Linear(config.channels, len(self.factors)),
        )

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        """What a stage may train, by name."""
        return {"classifier": [self]}

    def forward(self, frame: Tensor, *references: Tensor) -> Tensor:
        """``(B, 3, H, W)`` frame and references in [0, 1], sides at least 16, to ``(B, factors)`` logits."""
        seen = self._features(frame)
        return self.decide(torch.stack([self._compared(seen, self._features(r)) for r in references]).mean(0))

    def _features(self, picture: Tensor) -> list[Tensor]:
        """Features at 1/4, 1/8 and 1/16 of the size."""
        x, found = self.first(picture - 0.5), []
        for layer in self.down:
            x = layer(x)
            found.append(x)
        return found

    def _compared(self, frame: list[Tensor], reference: list[Tensor]) -> Tensor:
        """``(B, C)`` means and maxima over the picture of what each scale's comparison says."""
        pooled = []
        for a, b, layer in zip(frame, reference, self.compare, strict=True):
            alike = cost_volume(*(_normalised(x) for x in (a, b)), RADIUS) * a.shape[1]
            said = layer(torch.cat([alike, (a - b).abs()], 1))
            pooled += [said.mean((2, 3)), said.amax((2, 3))]
        return torch.cat(pooled, 1)

    def describe(self) -> dict[str, tuple[int, int]]:
        """No latents."""
        return {}


def _down(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv(inputs, outputs, stride=2), nn.LeakyReLU(0.1))


def _normalised(features: Tensor) -> Tensor:
    """Without the picture's mean, and of length 1 at every pixel: products are correlations."""
    return F.normalize(features - features.mean((2, 3), keepdim=True), dim=1)
