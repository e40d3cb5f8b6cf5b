"""pMCTF-L: learned wavelet video coding with temporal layer adaptivity (Meyer and Kaup, 2025).

Frames of a group go through a wavelet transform in time, along motion (:mod:`lvc.structures.mctf`). The one low-pass
frame is coded by a pWave++, every high-pass frame by another, which all temporal levels share.

Decided where papers and released code are silent, or do otherwise:

* Training codes luma alone (see :mod:`lvc.models.pwave`): errors of frames and predictions are luma's.
* Chroma is filtered along luma's decoded motion, halved for planes of half the size.
* ``temporal_scale=paper_code`` keeps the released code's gains, prediction 0.71 and update 0.5, and weighs all bands
  alike. ``orthonormal`` is Haar: bands are quantised as finely as an orthonormal transform would have it, relative to
  the low-pass frame. Denoising filters begin at 0.
* The prediction that early stages judge motion by is the reference, moved. The released code's is filtered as well:
  ``filtered_prediction`` is the error that its filters leave, the high-pass frame itself.
* Motion is rated as it is coded, rounded; the released code rates it with noise.
* SpyNet sees luma three times, without normalisation.
* A high-pass frame's distance is that of its level: a clip of frames ``d`` apart begins at level ``floor(log2 d)``.
* The scale of a level multiplies the high-pass coder's steps; a stage that trains no ``scale`` part leaves it at 1.
* A loss over T frames is their mean; the released code's sum is T times that.
* ``compat=official`` follows the released code as that of :mod:`lvc.models.pwave` does. Frames whose motion is coded at
  1/4 or 1/8 are padded to multiples of 256 or 512, and files are coded with rate factors of motion in hundredths, which
  estimates are not, as there.
* Coded alone, outside a group, a frame of kind ``H`` is what the frame before does not predict, without an update.
"""

from typing import Any

from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, Rate, VideoCodec
from lvc.config.pmctf_l import PMCTFLConfig
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.rate import QualityFactor
from lvc.models.planes import RELEASED_MULTIPLE, ColourPlanes, PlaneCoder, middle_quality
from lvc.motion.lifting import TemporalLifting
from lvc.motion.prior_codec import MotionMemory, PriorMotionCodec
from lvc.motion.resolution import FULL, MotionScale
from lvc.motion.spynet import SpyNet
from lvc.motion.warp import halve, warp
from lvc.structures.adaptive_gop import adaptive_gop
from lvc.structures.mctf import MCTF, Planes


class PMCTFL(VideoCodec):
    """The codec of Fig. 2, on as many temporal levels as it has motion codecs.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: PMCTFLConfig):
        super().__init__(config)
        self.config, levels = config, range(config.temporal_levels)
        self.luma_only = config.train_on == "luma"
        own = config.structure
        self.structure = MCTF(own.gop, config.temporal_levels, own.first_level, adaptive_gop(own))
        self.planes = ColourPlanes(config.chroma, config.lossless)
        self.official = config.compat == "official"
        self.border = self.planes.zeros if self.official else None
        law = ScaleLaw("laplace", config.entropy.likelihood_bound, self.official)
        self.flow = SpyNet(config.flow.levels, config.flow.widths)
        self.motion = nn.ModuleList(
            PriorMotionCodec(config.motion_channels, config.qualities, config.latent_prior, law) for _ in levels
        )
        self.temporal = nn.ModuleList(
            TemporalLifting(config.temporal_channels, config.temporal_scale, config.lossless) for _ in levels
        )
        self.scale = nn.ModuleList(QualityFactor((1.0, 1.0), config.qualities) for _ in levels)
        self.lowpass, self.highpass = PlaneCoder(config, law), PlaneCoder(config, law)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        named: dict[str, list[nn.Module]] = {
            "flow": [self.flow],
            "lowpass": [self.lowpass],
            "highpass": [self.highpass],
        }
        for level in range(len(self.motion)):
            named |= {
                f"motion{level}": [self.motion[level]],
                f"temporal{level}": [self.temporal[level]],
                f"scale{level}": [self.scale[level]],
            }
        return named

    def multiple(self, factor: int = 1) -> int:
        """See :meth:`lvc.codec.VideoCodec.multiple`; the released code's grows with the factor, at first twice ours."""
        return max(RELEASED_MULTIPLE, self.stride * factor) if self.official else self.stride

    def split(self, frame: Tensor, luma_only: bool) -> Planes:
        """A frame's planes, or its luma alone."""
        return [self.planes.luma(frame)] if luma_only else self.planes.split(frame)

    def join(self, planes: Planes, luma_of: Tensor | None = None) -> Tensor:
        """The inverse of :meth:`split`; ``luma_of`` is the frame whose chroma passes uncoded."""
        return self.planes.join(planes) if luma_of is None else self.planes.with_luma(planes[0], luma_of)

    def code_motion(
        self,
        level: int,
        pair: tuple[Planes, Planes] | None,
        memory: MotionMemory | None,
        shape: tuple[int, int, int],
        q: Tensor,
        stream: SymbolStream,
        scale: MotionScale = FULL,
    ) -> tuple[Tensor, dict[str, Tensor], MotionMemory]:
        """Estimate and code motion from a frame to the one before it on a level.

        Args:
            level: Temporal level, 0 is the finest.
            pair: Planes of both, ``None`` when reading.
            memory: Of the level's pair before.
            shape: Batch, height and width of luma.
            q: ``(B,)`` quality indices.
            stream: Where symbols go to or come from.
            scale: The resolution that it is estimated and coded at, the same for all pairs of a group.

        Returns:
            Decoded flow at luma's size, bits by stream name, memory.
        """
        flow, size = None, shape[1:]
        if not stream.reads:
            small = (scale.reduce(planes[0][:, :1], self.stride) for planes in pair)
            flow = self.flow(*((luma / 255).expand(-1, 3, -1, -1) for luma in small))
        coded = (shape[0], *scale.coded_size(size, self.stride))
        flow, bits, memory = self.motion[level].code(flow, memory, coded, q, stream)
        return scale.decoded(flow, size), bits, memory

    def analyse(self, level: int, current: Planes, reference: Planes, flow: Tensor) -> tuple[Planes, Planes]:
        """High-pass and low-pass planes of two frames."""
        return self._lift(self.temporal[level], current, reference, flow)

    def synthesise(self, level: int, high: Planes, low: Planes, flow: Tensor) -> tuple[Planes, Planes]:
        """The inverse of :meth:`analyse`, at any spatial level: current and reference."""
        return self._lift(self.temporal[level].inverse, high, low, flow)

    def warp(self, reference: Planes, flow: Tensor) -> Planes:
        """A frame's reference, moved to it."""
        return [part for (part,) in self._each(lambda x, f: (warp(x, f),), flow, reference)]

    def predict(self, level: int, reference: Planes, flow: Tensor) -> Planes:
        """What a frame's reference says of it."""
        return [part for (part,) in self._each(lambda x, f: (self.temporal[level].predict(x, f),), flow, reference)]

    def code_band(
        self, planes: Planes | None, level: int | None, depth: int, shapes: list, q: Tensor, stream: SymbolStream
    ) -> tuple[Planes, dict[str, Tensor]]:
        """Code a temporal band.

        Args:
            planes: The band, ``None`` when reading.
            level: Temporal level of a high-pass frame, ``None`` for a low-pass frame.
            depth: Levels of the group, counted from the finest that there is.
            shapes: Shapes of its planes.
            q: ``(B,)`` quality indices.
            stream: Where symbols go to or come from.

        Returns:
            The decoded band and its bits by stream name.
        """
        if level is None:
            name, (decoded, bits) = "lowpass", self.lowpass.code(planes, shapes, q, stream)
        else:
            scale = self.scale[level](q)
            if self.config.temporal_scale == "orthonormal":
                scale = scale * 2 ** ((level - 1 - depth) / 2)
            name, (decoded, bits) = "highpass", self.highpass.code(planes, shapes, q, stream, scale)
        if stream.keep_maps:
            stream.maps[name] = sum(stream.maps.pop(band) for band in bits)
        return decoded, {name: sum(bits.values())}

    def shapes(self, batch: int, size: tuple[int, int]) -> list[tuple[int, ...]]:
        """Shapes of the planes of frames of ``size``."""
        return self.planes.shapes(batch, size)

    def quality(self, rate: Rate, batch: int) -> Tensor:
        """Quality indices ``(B,)`` of a rate point."""
        return middle_quality(self.config.qualities, batch, self) if rate.q is None else rate.q

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """One frame outside a group: see the module. Groups are coded by :class:`lvc.structures.mctf.MCTF`."""
        stream, state, size = job.stream, job.state, job.size
        q, shapes = self.quality(job.rate, job.batch), self.shapes(job.batch, size)
        planes = None if stream.reads else self.split(job.frame, False)
        if job.kind == "L":
            decoded, bits = self.code_band(planes, None, 0, shapes, q, stream)
            return FrameCoding(job.kind, self.join(decoded), bits, state={"planes": decoded})
        stream.layer()
        pair = None if stream.reads else (planes, state["planes"])
        memory = state.get("memory")
        flow, bits, memory = self.code_motion(0, pair, memory, (job.batch, *size), q, stream)
        prediction = self.predict(0, state["planes"], flow)
        residual = None if stream.reads else [own - said for own, said in zip(planes, prediction, strict=True)]
        decoded, band_bits = self.code_band(residual, 0, 1, shapes, q, stream)
        decoded = [said + rest for said, rest in zip(prediction, decoded, strict=True)]
        coded = {"planes": decoded, "memory": memory}
        return FrameCoding(job.kind, self.join(decoded), bits | band_bits, self.join(prediction), flow, coded)

    def _lift(self, step: Any, first: Planes, second: Planes, flow: Tensor) -> tuple[Planes, Planes]:
        pairs = self._each(step, flow, first, second)
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def _each(self, step: Any, flow: Tensor, *planes: Planes) -> list[tuple[Tensor, ...]]:
        """Apply a step to planes of every size as a batch of one-channel pictures, with flow at that size."""
        out = []
        for same in zip(*planes, strict=True):
            while flow.shape[-1] > same[0].shape[-1]:
                flow = halve(flow)
            batch, count = same[0].shape[:2]
            moved = flow.repeat_interleave(count, 0)
            found = step(*(x.flatten(0, 1)[:, None] for x in same), moved)
            out.append(tuple(x.view(batch, count, *x.shape[2:]) for x in found))
        return out

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        n = self.config.motion_channels
        return {"lowpass": (3, 1), "highpass": (3, 1), "motion": (n, 16), "motion_hyper": (n, 64)}
