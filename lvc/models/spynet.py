"""SpyNet by itself, as a stage may train it: one part per level of the pyramid."""

from collections.abc import Iterator

from torch import Tensor, nn

from lvc.config.spynet import SpyNetModelConfig
from lvc.motion.spynet import SpyNet

LUMA = (0.299, 0.587, 0.114)
"""BT.601 weights of red, green and blue."""


class FlowNetwork(nn.Module):
    """A flow network whose parts are its levels; ``flow`` has the place that it has in a codec.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: SpyNetModelConfig):
        super().__init__()
        self.colours = 1 if config.colour == "luma" else 3
        self.flow = SpyNet(config.levels, config.widths, self.colours)

    @property
    def stride(self) -> int:
        """Frame sides are multiples of this."""
        return 2 ** (len(self.flow.levels) - 1)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        """What a stage may train, by name: ``level0`` is the finest."""
        return {f"level{n}": [level] for n, level in enumerate(reversed(self.flow.levels))}

    def see(self, frames: Tensor) -> Tensor:
        """RGB ``(..., 3, H, W)`` as the network's input."""
        return frames if self.colours == 3 else luma(frames)

    def forward(self, frame: Tensor, reference: Tensor) -> Tensor:
        """RGB ``(B, 3, H, W)`` in [0, 1] to flow ``(B, 2, H, W)`` in pixels, from ``frame`` to ``reference``."""
        return self.flow(self.see(frame), self.see(reference))

    def pyramid(self, frame: Tensor, reference: Tensor, coarsest: int, finest: int = 0) -> Iterator[Tensor]:
        """Flow after every level from part number ``coarsest`` to ``finest``, whose size the pictures have."""
        count = len(self.flow.levels)
        levels = self.flow.levels[count - 1 - coarsest : count - finest]
        return self.flow.pyramid(self.see(frame), self.see(reference), levels)

    def judged(self, parts: int) -> int:
        """How many of a pyramid's flows, from the finest on, a stage that trains so many parts is judged by."""
        return parts

    def describe(self) -> dict[str, tuple[int, int]]:
        """No latents."""
        return {}


def luma(frames: Tensor) -> Tensor:
    """BT.601 luma ``(..., 1, H, W)`` of RGB ``(..., 3, H, W)``."""
    weights = frames.new_tensor(LUMA)[:, None, None]
    return (frames * weights).sum(-3, keepdim=True)
