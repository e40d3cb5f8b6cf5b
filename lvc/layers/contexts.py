"""Temporal context mining and re-filling: the parts of DCVC-TCM that other conditional codecs share."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lvc.layers.conv import ResBlock, conv, merge_block, start_as_identity, start_as_sum, subpixel
from lvc.layers.gdn import GDN, igdn
from lvc.layers.pyramid import Pyramid


class FeatureExtractor(Pyramid):
    """A feature at full, half, quarter, ... size (Eq. 1).

    Args:
        channels: Channels in and at every scale.
        levels: Number of scales.
        extra: Residual blocks added per scale (Table IX, fe).
    """

    def __init__(self, channels: int, levels: int, extra: int = 0):
        blocks = range(1 + extra)
        super().__init__(
            nn.Sequential(conv(channels, channels, stride=2 if level else 1), *(ResBlock(channels) for _ in blocks))
            for level in range(levels)
        )

    def start_as_copy(self) -> None:
        """Let the feature of full size begin as the input."""
        _pass_residuals(self)
        start_as_identity(self[0][0])

    def start_with_picture(self) -> None:
        """Let the first three channels of the feature of full size begin as the input's, exactly."""
        _pass_residuals(self)
        start_as_sum(self[0][0], [0])


class ContextFusion(nn.Module):
    """Warped features of all scales to temporal contexts, coarse to fine (Eqs. 3 and 4, Fig. 4).

    Args:
        channels: Channels of features and contexts.
        levels: Number of scales.
        contexts: Number of contexts that are handed out, from the largest scale on.
        extra: Residual blocks added per refinement (Table IX, cr).
    """

    def __init__(self, channels: int, levels: int, contexts: int, extra: int = 0):
        super().__init__()
        width = [channels if level == levels - 1 else 2 * channels for level in range(levels)]
        self.upsample = nn.ModuleDict(
            {
                str(level): nn.Sequential(subpixel(width[level], channels), ResBlock(channels))
                for level in range(1, levels)
            }
        )
        self.refine = nn.ModuleDict(
            {
                str(level): nn.Sequential(conv(width[level], channels), *(ResBlock(channels) for _ in range(1 + extra)))
                for level in range(contexts)
            }
        )

    def start_as_copy(self) -> None:
        """Let contexts begin as the warped features."""
        _pass_residuals(self.refine)
        for refine in self.refine.values():
            start_as_identity(refine[0], first=refine[0].in_channels)

    def start_with_picture(self) -> None:
        """Let the first three channels of every context begin as those of the warped feature, exactly."""
        _pass_residuals(self.refine)
        for refine in self.refine.values():
            start_as_sum(refine[0], [])

    def forward(self, warped: Sequence[Tensor]) -> list[Tensor]:
        """``warped[l]`` at ``1 / 2^l`` of the size to contexts at the same sizes."""
        contexts: list[Tensor] = []
        finer = None
        for level in reversed(range(len(warped))):
            joined = warped[level] if finer is None else torch.cat([finer, warped[level]], 1)
            if str(level) in self.refine:
                contexts.insert(0, warped[level] + self.refine[str(level)](joined))
            if level:
                finer = self.upsample[str(level)](joined)
        return contexts


class ContextualEncoder(nn.Module):
    """A frame and its temporal contexts to a latent at 1/16 of the size (Fig. 5).

    Args:
        channels: Channels of contexts and of the layers between.
        latent: Channels of the latent.
        contexts: Number of contexts, from the largest scale on; 0 for none.
        mix: Makes the block of so many channels before each of the last two convolutions (SSNVC), if there are any.
    """

    def __init__(self, channels: int, latent: int, contexts: int, mix: Callable[[int], nn.Module] | None = None):
        super().__init__()
        self.contexts = contexts
        self.merge, self.mix, self.down = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleList()
        for level in range(4):
            width = (3 if level == 0 else channels) + (channels if level < contexts else 0)
            if 0 < level < contexts:
                self.merge[str(level)] = merge_block(width)
            if mix is not None and level >= 2:
                self.mix[str(level)] = mix(width)
            last = level == 3
            self.down.append(conv(width, latent if last else channels, stride=2))
        self.norm = nn.ModuleList(GDN(channels) for _ in range(3))

    def chain(self) -> list[nn.Module]:
        """The modules that a frame passes, in their order."""
        steps = []
        for level, down in enumerate(self.down):
            beside = [group[str(level)] for group in (self.merge, self.mix) if str(level) in group]
            steps += [*beside, down, *self.norm[level : level + 1]]
        return steps

    @torch.no_grad()
    def start_with_difference(self) -> None:
        """Let the first layer begin with the frame minus the first three channels of the largest context."""
        self.down[0].weight[:, 3:6] = -self.down[0].weight[:, :3]

    def forward(self, frame: Tensor, contexts: Sequence[Tensor]) -> Tensor:
        x = frame
        for level, down in enumerate(self.down):
            if level < self.contexts:
                x = torch.cat([x, contexts[level]], 1)
            if str(level) in self.merge:
                x = self.merge[str(level)](x)
            if str(level) in self.mix:
                x = self.mix[str(level)](x)
            x = down(x)
            if level < 3:
                x = self.norm[level](x)
        return x


class ContextualDecoder(nn.Module):
    """A decoded latent and contexts at half size and below to a feature of full size (Fig. 5).

    Args:
        channels: Channels of contexts and of the layers between.
        latent: Channels of the latent.
        outputs: Channels of the feature.
        contexts: Number of contexts; the one of full size is the frame generator's.
    """

    def __init__(self, channels: int, latent: int, outputs: int, contexts: int):
        super().__init__()
        self.contexts = contexts
        self.merge, self.up, self.norm = nn.ModuleDict(), nn.ModuleList(), nn.ModuleList()
        width = latent
        for level in (3, 2, 1, 0):
            self.up.append(subpixel(width, channels if level else outputs))
            width = channels
            if level:
                self.norm.append(igdn(channels))
            if 0 < level < contexts:
                width = 2 * channels
                self.merge[str(level)] = merge_block(width)

    def chain(self) -> list[nn.Module]:
        """The modules that a latent passes, in their order."""
        steps = []
        for step, level in enumerate((3, 2, 1, 0)):
            beside = [self.merge[str(level)]] if str(level) in self.merge else []
            steps += [self.up[step], *self.norm[step : step + 1], *beside]
        return steps

    def forward(self, latent: Tensor, contexts: Sequence[Tensor]) -> Tensor:
        x = latent
        for step, level in enumerate((3, 2, 1, 0)):
            x = self.up[step](x)
            if level:
                x = self.norm[step](x)
            if str(level) in self.merge:
                x = self.merge[str(level)](torch.cat([x, contexts[level]], 1))
        return x


class TemporalPriorEncoder(nn.Module):
    """Temporal contexts to a prior of the latent at 1/16 of the size (Fig. 5).

    Args:
        channels: Channels of contexts.
        latent: Channels of the latent; the prior has twice as many.
        contexts: Number of contexts, at least 1.
    """

    def __init__(self, channels: int, latent: int, contexts: int):
        super().__init__()
        self.contexts = contexts
        widths = (channels, latent, latent * 3 // 2, latent * 2)
        inputs = [(channels if level < contexts else 0) + (widths[level - 1] if level else 0) for level in range(4)]
        self.down = nn.ModuleList(conv(i, o, stride=2) for i, o in zip(inputs, widths, strict=True))
        self.norm = nn.ModuleList(GDN(width) for width in widths[:3])

    def forward(self, contexts: Sequence[Tensor]) -> Tensor:
        x = self.norm[0](self.down[0](contexts[0]))
        for level in (1, 2, 3):
            x = self.down[level](torch.cat([x, contexts[level]], 1) if level < self.contexts else x)
            if level < 3:
                x = self.norm[level](x)
        return x


class FrameGenerator(nn.Module):
    """A decoded feature and the largest context to the frame and the feature that is propagated.

    Args:
        inputs: Channels of the decoded feature.
        channels: Channels of contexts and of the layers between.
        propagated: Channels of the propagated feature. Where they differ from ``channels`` a convolution before the
            last one makes them, so the body stays as wide as in the paper.
        context: Whether the largest context is used.
        extra: Residual blocks added (Table IX, fg).
    """

    def __init__(self, inputs: int, channels: int, propagated: int, context: bool = True, extra: int = 0):
        super().__init__()
        self.context, self.inputs = context, inputs
        body = [conv(inputs + (channels if context else 0), channels)]
        body += [ResBlock(channels) for _ in range(2 + extra)]
        body += [conv(channels, propagated)] if propagated != channels else []
        self.feature = nn.Sequential(*body)
        self.frame = conv(propagated, 3)

    def start_as_copy(self) -> None:
        """Let the frame begin as the first channels of the largest context (or of the decoded feature)."""
        _pass_residuals(self)
        convolutions = [m for m in self.feature if isinstance(m, nn.Conv2d)]
        merge, last = convolutions[0], convolutions[-1]
        start_as_identity(merge, first=merge.in_channels - merge.out_channels if self.context else 0)
        if last is not merge:
            start_as_identity(last)
        start_as_identity(self.frame)

    def start_with_picture(self, predicted: bool) -> None:
        """Let the frame begin as the first three channels of the decoded feature, exactly.

        Args:
            predicted: Plus those of the largest context.
        """
        _pass_residuals(self)
        first, *others = [m for m in self.feature if isinstance(m, nn.Conv2d)]
        start_as_sum(first, [0, self.inputs] if predicted else [0])
        for layer in (*others, self.frame):
            start_as_sum(layer, [0])

    def forward(self, decoded: Tensor, contexts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Frame ``(B, 3, H, W)`` and feature ``(B, propagated, H, W)``."""
        feature = self.feature(torch.cat([decoded, contexts[0]], 1) if self.context else decoded)
        return self.frame(feature), feature


def _pass_residuals(module: nn.Module) -> None:
    """Let every residual block below ``module`` begin as the identity."""
    for block in module.modules():
        if isinstance(block, ResBlock):
            block.start_as_identity()
