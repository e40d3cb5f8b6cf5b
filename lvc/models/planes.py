"""The coder of one-channel pictures that pWave++ is, and that pMCTF-L codes temporal bands with."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.config.pwave import WaveletCoderConfig
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.entropy.subbands import ORIENTATIONS, Decoded, SubbandCoder, as_batch
from lvc.layers import colour
from lvc.layers.conv import ResBlock, conv, full_precision
from lvc.layers.lifting import Details, Lifting, Wavelet
from lvc.layers.rate import QualityFactor

Bands = tuple[Tensor, list[dict[str, Tensor]]]
"""The lowest band ``(B, P, h, w)`` and the others by orientation, coarsest level first, in quantisation steps."""

Shape = tuple[int, int, int, int]


RELEASED_MULTIPLE = 128
"""What the released code makes sides of luma multiples of."""


class ColourPlanes:
    """Between RGB frames and the planes that are coded, which are kept together by size.

    Args:
        chroma: ``444``, or ``420`` for chroma planes of half the size.
        lossless: Whether planes are integers that lose nothing.
    """

    def __init__(self, chroma: str, lossless: bool):
        self.halved = chroma == "420"
        self._to, self._from = (
            (colour.to_ycocg, colour.from_ycocg) if lossless else (colour.to_ycbcr, colour.from_ycbcr)
        )

    def split(self, frame: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` RGB in [0, 1] to planes in 0 ... 255, luma in the first tensor."""
        planes = self._to(frame.float())
        return [planes[:, :1], colour.halve_chroma(planes[:, 1:])] if self.halved else [planes]

    def join(self, sets: list[Tensor]) -> Tensor:
        """The inverse of :meth:`split`."""
        luma, *chroma = sets
        return self._from(torch.cat([luma, *map(colour.double_chroma, chroma)], 1))

    def shapes(self, batch: int, size: tuple[int, int]) -> list[Shape]:
        """Shapes of a frame's planes."""
        if self.halved:
            return [(batch, 1, *size), (batch, 2, size[0] // 2, size[1] // 2)]
        return [(batch, 3, *size)]

    @property
    def zeros(self) -> tuple[float, ...]:
        """The colour, in RGB and outside of [0, 1], whose planes are all 0."""
        return tuple(self._from(torch.zeros(1, 3, 1, 1)).flatten().tolist())

    def luma(self, frame: Tensor) -> Tensor:
        """Luma ``(B, 1, H, W)`` alone."""
        return self._to(frame.float())[:, :1]

    def with_luma(self, luma: Tensor, frame: Tensor) -> Tensor:
        """A frame with another luma. R, G and B then differ from ``frame`` as luma does."""
        return self._from(torch.cat([luma, self._to(frame.float())[:, 1:]], 1))


class PostProcessing(nn.Module):
    """A residual network over the decoded picture; it begins as 0.

    Args:
        channels: Channels inside.
        blocks: Residual blocks.
        span: Range of the samples, which the network sees scaled to 1.
    """

    def __init__(self, channels: int, blocks: int, span: float = 256.0):
        super().__init__()
        self.span = span
        self.first = conv(1, channels)
        self.body = nn.Sequential(
            *(ResBlock(channels, 0.2, start=False) for _ in range(blocks)), conv(channels, channels)
        )
        self.last = conv(channels, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        features = self.first(x / self.span)
        return x + self.span * self.last(features + self.body(features))


class PlaneCoder(nn.Module):
    """Planes of one size through wavelet, quantisation, context model and back. Samples are in 0 ... 255.

    Args:
        config: The coder's configuration.
        law: Distribution of the quantised samples.
    """

    def __init__(self, config: WaveletCoderConfig, law: ScaleLaw):
        super().__init__()
        own = config.lifting
        scales = (own.low_scale, own.high_scale)
        self.lossless, self.levels = config.lossless, config.levels
        self.wavelet = Wavelet(config.levels, Lifting(own.channels, own.border, own.gain, scales, config.lossless))
        self.context = SubbandCoder(config, law)
        if not config.lossless:
            self.post = PostProcessing(config.post_channels, config.post_blocks)
            self.step_low = QualityFactor(config.step_start, config.qualities)
            self.step_high = QualityFactor(config.step_start, config.qualities)

    def code(
        self,
        sets: list[Tensor] | None,
        shapes: list[Shape],
        q: Tensor,
        stream: SymbolStream,
        scale: Tensor | float = 1.0,
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Code planes, a level of all of them before the next: lowest bands and each level are a layer of the stream.

        Args:
            sets: Planes ``(B, P, H, W)`` by size, ``None`` when reading.
            shapes: Their shapes.
            q: ``(B,)`` quality indices.
            stream: Where symbols go to or come from.
            scale: ``(B, 1, 1, 1)`` further factor of all bands before rounding.

        Returns:
            Decoded planes by size, smaller by powers of two where layers are missing; and bits by stream name.
        """
        bands = None if sets is None else [self.analyse(planes, q, scale) for planes in sets]
        stream.layer()
        decoded = []
        for i, (batch, planes, height, width) in enumerate(shapes):
            shape = batch, planes, height >> self.levels, width >> self.levels
            decoded.append(self.context.code_lowest(None if bands is None else bands[i][0], shape, stream))
        for level in range(self.levels):
            if not stream.layer():
                break
            for i, part in enumerate(decoded):
                self.context.code_level(None if bands is None else bands[i][1][level], part, stream)
        if stream.keep_maps:
            stream.maps.update(_summed_maps(decoded, shapes[0]))
        bits = {name: sum(part.bits[name] for part in decoded) for name in decoded[0].bits}
        return [self.synthesise(part, q, scale) for part in decoded], bits

    def analyse(self, planes: Tensor, q: Tensor, scale: Tensor | float = 1.0) -> Bands:
        """``(B, P, H, W)`` planes to bands in quantisation steps, not yet rounded."""
        with full_precision(planes):
            low, details = self.wavelet(as_batch(planes.float()))
        low_factor, high_factor = self._factors(q, scale)

        def band(x: Tensor, factor: Tensor | float) -> Tensor:
            return x.view(*planes.shape[:2], *x.shape[2:]) * factor

        levels = [{o: band(getattr(level, o), high_factor) for o in ORIENTATIONS} for level in reversed(details)]
        return band(low, low_factor), levels

    def synthesise(self, decoded: Decoded, q: Tensor, scale: Tensor | float = 1.0) -> Tensor:
        """Decoded bands to ``(B, P, h, w)`` planes: the whole size, or that of the last level which is decoded."""
        low_factor, high_factor = self._factors(q, scale)
        details = [
            Details(**{name: as_batch(band / high_factor) for name, band in level.items()}) for level in decoded.details
        ]
        with full_precision(decoded.lowest):
            x = self.wavelet.inverse(as_batch(decoded.lowest / low_factor), details[::-1])
        missing = self.levels - len(details)
        if missing:
            x = x / self.wavelet.gain**missing
        elif not self.lossless:
            x = self.post(x)
        return x.float().view(*decoded.lowest.shape[:2], *x.shape[2:])

    def _factors(self, q: Tensor, scale: Tensor | float) -> tuple[Tensor | float, Tensor | float]:
        return (1.0, 1.0) if self.lossless else (self.step_low(q) * scale, self.step_high(q) * scale)


def middle_quality(qualities: int, batch: int, module: nn.Module) -> Tensor:
    """Quality indices ``(B,)`` of a rate point that names none, where ``module`` is."""
    return torch.full((batch,), (qualities - 1) / 2, device=next(module.parameters()).device)


def _summed_maps(parts: list[Decoded], shape: Shape) -> dict[str, Tensor]:
    """Bits of a stream over all levels and planes, at half the size of the largest plane."""
    size, maps = (shape[2] // 2, shape[3] // 2), {}
    for part in parts:
        for (name, _), spent in part.maps.items():
            area = size[0] * size[1] / (spent.shape[2] * spent.shape[3])
            maps[name] = maps.get(name, 0) + F.interpolate(spent, size=size) / area
    return maps
