"""The light codec: a small low-delay codec of our own that starts as motion compensation and a KLT.

A P frame is its motion-compensated prediction plus a residual, both at 1/8 of the size or below:

* Motion is a shipped flow at half the size, averaged to a grid of 1/8, corrected by a small network, and coded as 2x2
  Haar coefficients under the features and the motion of the reference. The decoder refines it to a grid of 1/4.
* The residual goes through the transform coder of the intra frames. Every transform and the entropy model know a
  context made from the prediction and from the last frame's feature, warped (DCVC-TCM's idea at 1/8).
* Quality is a real number per frame; the steps of both latents follow from it.
"""

import torch
from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, Rate, VideoCodec
from lvc.config.light import LightConfig
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import Estimate
from lvc.layers.conv import conv
from lvc.layers.klt import as_samples, klt, start_as, start_at_zero
from lvc.layers.light import PATCH, blocks, shuffle, unshuffle
from lvc.models.light_coder import TransformCoder, embedding, quality_index
from lvc.motion.block_codec import BlockMotion, BlockMotionCodec, BlockMotionEstimator, enlarge
from lvc.motion.warp import warp
from lvc.structures.low_delay import low_delay


class Light(VideoCodec):
    """I and P frames of any quality.

    Args:
        config: The model's configuration.
        intra: Codec of the intra frames.
    """

    def __init__(self, config: LightConfig, intra: VideoCodec):
        super().__init__(config)
        channels = config.transform.channels
        self.structure = low_delay(config.structure)
        self.intra, self.config = intra, config
        law = ScaleLaw("gaussian", config.entropy.likelihood_bound)
        self.register_buffer("mean", torch.full((3, 1, 1), 0.44))
        self.flow = BlockMotionEstimator(config.flow, config.refinements)
        self.motion = BlockMotionCodec(channels, config.motion_channels, law, config.qualities)
        self.embed = embedding(channels)
        self.remember = start_at_zero(conv(channels, channels, 1))
        self.fuse = blocks(channels, config.context_depth)
        self.coder = TransformCoder(config.transform, law, config.qualities, conditional=True)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        return {
            "flow": [self.flow],
            "motion": [self.motion],
            "context": [self.embed, self.remember, self.fuse],
            "frame": [self.coder],
            "intra": [self.intra],
        }

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`."""
        if job.kind == "I":
            return self.intra.code_frame(job)
        frame, state, stream = job.frame, job.state, job.stream
        reference = state["frame"]
        q = quality_index(job.rate, self.config.qualities, reference)
        seen = self.embed(unshuffle(reference - self.mean))
        feature = state.get("feature", seen)

        motion, bits = self._code_motion(job, seen, q)
        flow = enlarge(motion.fine, PATCH // 2)
        prediction = reference if motion.still else warp(reference, flow, self.config.interpolation)
        if job.motion_only:
            kept = {"frame": prediction.clamp(0, 1), "motion": motion.coarse}
            return FrameCoding(job.kind, prediction, bits, prediction, flow, kept)

        context = self.embed(unshuffle(prediction - self.mean))
        if self.config.feature:
            context = context + self.remember(feature if motion.still else warp(feature, motion.coarse / PATCH))
        context = self.fuse(context)
        residual = None if stream.reads else unshuffle(frame - prediction)
        decoded, feature, frame_bits = self.coder("frame", residual, q, job.size, stream, context)
        decoded = prediction + shuffle(decoded)
        state = {"frame": decoded.clamp(0, 1), "feature": feature.float(), "motion": motion.coarse}
        return FrameCoding(job.kind, decoded, bits | frame_bits, prediction, flow, state)

    def _code_motion(self, job: FrameJob, seen: Tensor, q: Tensor) -> tuple[BlockMotion, dict[str, Tensor]]:
        """Motion from the reference, and its bits. A still frame says so in one bit, and has none."""
        if not self.config.motion:
            return BlockMotion.none(seen), {}
        frame, state, stream = job.frame, job.state, job.stream
        reference = state["frame"]
        flow = None if stream.reads else self.motion.encode_input(self.flow(frame, reference), frame, reference)
        if stream.training:
            return self.motion(flow, seen, state.get("motion"), q, stream)
        # where operations are counted and nothing is computed, a frame moves
        moves = None if stream.reads else int(reference.is_meta or _helps(flow, frame, reference))
        moves, said = stream.choose(moves, 2)
        if not moves:
            return BlockMotion.none(seen), {"motion": said.expand(len(q))}
        motion, bits = self.motion(flow, seen, state.get("motion"), q, stream)
        return motion, bits | {"motion": bits["motion"] + said.to(q.device)}

    @torch.no_grad()
    def start_from(self, clips: Tensor, lambdas: tuple[float, float]) -> None:
        """See :meth:`lvc.codec.VideoCodec.start_from`: the second frame is measured under the first, decoded."""
        rate = Rate(q=torch.linspace(0, self.config.qualities - 1, len(clips), device=clips.device))
        stream, size = Estimate(training=False), tuple(clips.shape[-2:])
        first = FrameJob("I", clips[:, 0], None, stream, rate, size)
        reference = self.intra.code_frame(first).state["frame"]
        self.mean.copy_(clips.mean((0, 1, 3, 4))[:, None, None])
        pixels = as_samples(unshuffle(reference - self.mean))
        start_as(self.embed, klt(pixels, self.embed.out_channels)[0])
        prediction = reference
        if self.config.motion:
            flow = self.flow(clips[:, 1], reference)
            self.motion.start_from(flow)
            prediction = warp(reference, enlarge(flow, PATCH), self.config.interpolation)
        self.coder.start_from(unshuffle(clips[:, 1] - prediction), lambdas)

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        found = dict(self.intra.describe())
        for name, coder in (("motion", self.motion.entropy), ("frame", self.coder.entropy)):
            found |= {name: (len(coder.deviations), 16), f"{name}_hyper": (coder.hyper_prior.channels, 64)}
        return found


def _helps(flow: Tensor, frame: Tensor, reference: Tensor) -> bool:
    """Whether motion predicts any frame better than none does."""
    errors = [(frame - guess).square().mean((1, 2, 3)) for guess in (warp(reference, enlarge(flow, PATCH)), reference)]
    return bool((errors[0] < errors[1]).any())
