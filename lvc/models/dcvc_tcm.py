"""DCVC-TCM: temporal context mining for learned video compression (Sheng et al., IEEE TMM 2023).

Decided where the paper is silent:

* Latents are quantised as :class:`lvc.entropy.streams.Estimate` is told, ``mixed`` by default; the release only rounds.
* The feature is handed on unclamped, the decoded frame clamped to [0, 1]; losses see the unclamped frame.
* Fresh weights make the path from the reference through contexts and generator pass it on, so an untrained P frame is
  its warped reference, and training starts from there instead of learning to copy first.
* Table VI: without feature propagation every P frame mines the decoded frame through the intra adaptor; without mining
  is one level and one context; without re-filling is three levels and one context.
* Table VII: a module without contexts drops the concatenation and the block that merges it.
* Table X: see :class:`lvc.layers.contexts.FrameGenerator`.
"""

import torch
from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, Rate, VideoCodec
from lvc.config.dcvc_tcm import DCVCTCMConfig
from lvc.entropy.factorized import FactorizedPrior
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import Estimate, SymbolStream
from lvc.errors import UserError
from lvc.layers.classical import Chain, start_hyper, start_scales
from lvc.layers.contexts import (
    ContextFusion,
    ContextualDecoder,
    ContextualEncoder,
    FeatureExtractor,
    FrameGenerator,
    TemporalPriorEncoder,
)
from lvc.layers.conv import conv, full_precision, start_as_identity, start_as_sum
from lvc.layers.hyper import EntropyParameters, HyperDecoder, HyperEncoder, scales_and_means
from lvc.layers.rate import step_gain
from lvc.motion.codec import MotionCodec, motion_gain
from lvc.motion.flow import flow_network
from lvc.motion.resolution import FULL, MotionScale
from lvc.motion.warp import warp, warp_scales
from lvc.structures.low_delay import low_delay
from lvc.structures.motion_resolution import motion_resolution


class DCVCTCM(VideoCodec):
    """The codec of Fig. 2.

    Args:
        config: The model's configuration.
        intra: Codec of the intra frames.
    """

    def __init__(self, config: DCVCTCMConfig, intra: VideoCodec):
        super().__init__(config)
        self.structure = low_delay(config.structure, motion_resolution(config.motion_resolution))
        self.intra = intra
        n, latent, hyper, extra = config.channels, config.latent_channels, config.hyper_channels, config.extra_blocks
        uses, bound = config.contexts_in, config.entropy.likelihood_bound

        self.flow = flow_network(config.flow)
        official = config.compat == "official"
        self.border = (0.0, 0.0, 0.0) if official else None
        self.law = ScaleLaw("laplace", bound, official)
        self.motion = MotionCodec(config.motion_channels, hyper, self.law)

        self.adapt_frame = conv(3, n)
        self.adapt_feature = conv(config.propagated_channels, n, kernel=1) if config.propagate_feature else None
        self.extractor = FeatureExtractor(n, config.levels, extra.extractor)
        self.fusion = ContextFusion(n, config.levels, config.contexts, extra.refinement)

        self.encoder = ContextualEncoder(n, latent, config.contexts if uses.encoder else 0)
        self.decoder = ContextualDecoder(n, latent, n // 2, config.contexts if uses.decoder else 0)
        self.generator = FrameGenerator(n // 2, n, config.propagated_channels, uses.generator, extra.generator)
        self.hyper_encoder = HyperEncoder(latent, hyper)
        self.hyper_decoder = HyperDecoder(hyper, latent)
        self.hyper_prior = FactorizedPrior(hyper, bound, official)
        self.temporal_prior = TemporalPriorEncoder(n, latent, config.contexts) if uses.entropy else None
        self.entropy_parameters = EntropyParameters(latent * (4 if uses.entropy else 2), latent)

        self.predicted = uses.encoder and uses.generator
        self._start_as_copy()

    def _start_as_copy(self) -> None:
        """Let the untrained codec decode the warped reference (as far as the configuration has that path)."""
        for part in (self.extractor, self.fusion, self.generator):
            part.start_as_copy()
        for adapt in (self.adapt_frame, self.adapt_feature):
            if adapt is not None:
                start_as_identity(adapt)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        context = [self.adapt_frame, self.adapt_feature, self.extractor, self.fusion]
        frame = [self.encoder, self.decoder, self.generator, self.hyper_encoder, self.hyper_decoder]
        frame += [self.hyper_prior, self.temporal_prior, self.entropy_parameters]
        return {
            "flow": [self.flow],
            "motion": [self.motion],
            "context": [m for m in context if m is not None],
            "frame": [m for m in frame if m is not None],
            "intra": [self.intra],
        }

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`."""
        if job.kind == "I":
            return self.intra.code_frame(job)
        frame, state, stream, size, scale = job.frame, job.state, job.stream, job.size, job.scale
        reference = state["frame"]
        flow = None if stream.reads else scale.coded(self.estimate(frame, reference, scale))
        flow, bits = self.motion.code(flow, len(reference), scale.coded_size(size, self.stride), stream)
        flow = scale.decoded(flow, size)
        prediction = warp(reference, flow)
        if job.motion_only:
            return FrameCoding(job.kind, prediction, bits, prediction, flow, {"frame": prediction.clamp(0, 1)})

        contexts = self.mine(state, flow)
        latent, frame_bits = self._code_latent(frame, contexts, size, stream)
        decoded, feature = self.generator(self.decoder(latent, contexts), contexts)
        decoded = decoded.float()
        state = {"frame": decoded.clamp(0, 1)}
        if self.adapt_feature is not None:
            state["feature"] = feature
        return FrameCoding(job.kind, decoded, bits | frame_bits, prediction, flow, state)

    def estimate(self, frame: Tensor, reference: Tensor, scale: MotionScale) -> Tensor:
        """Flow from ``frame`` to ``reference``, seen and given at ``scale``."""
        return self.flow(scale.reduce(frame, self.stride), scale.reduce(reference, self.stride))

    def warped(self, kind: str, frame: Tensor, state: dict[str, Tensor], scale: MotionScale) -> Tensor:
        """The reference as motion estimated at ``scale``, and not coded, warps it: ``(B, 3, H, W)``."""
        reference = state["frame"]
        return warp(reference, scale.enlarge_flow(self.estimate(frame, reference, scale), frame.shape[-2:]))

    def mine(self, state: dict[str, Tensor], flow: Tensor) -> list[Tensor]:
        """Temporal contexts from the propagated feature, or from the frame where there is none (Sec. III-B)."""
        propagated = state.get("feature")
        feature = self.adapt_frame(state["frame"]) if propagated is None else self.adapt_feature(propagated)
        return self.fusion(warp_scales(self.extractor(feature), flow))

    def _code_latent(
        self, frame: Tensor | None, contexts: list[Tensor], size: tuple[int, int], stream: SymbolStream
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Code the frame's latent under the hyper and the temporal prior (Sec. III-C.2)."""
        y = None if stream.reads else self.encoder(frame, contexts)
        shape = (len(contexts[0]), size[0] // 64, size[1] // 64)
        hyper = (self.hyper_encoder, self.hyper_decoder, self.hyper_prior)
        prior, hyper_bits = code_hyper("frame_hyper", y, shape, *hyper, stream)
        with full_precision(prior):
            if self.temporal_prior is not None:
                temporal = self.temporal_prior([context.float() for context in contexts])
                prior = torch.cat([temporal, prior], 1)
            scales, means = scales_and_means(self.entropy_parameters(prior))
        latent, bits = stream.code("frame", y, self.law(scales, means))
        return latent, {"frame_hyper": hyper_bits, "frame": bits}

    @torch.no_grad()
    def start_from(self, clips: Tensor, lambdas: tuple[float, float]) -> None:
        """See :meth:`lvc.codec.VideoCodec.start_from`: a P frame begins as its prediction plus the residual's KLT.

        Where contexts miss on one side (Table VII), it begins as the KLT of the frame itself.
        """
        if clips.shape[1] < 2:
            raise UserError("a P frame's statistics need clips of 2 frames or more; the stage has 1 (frames)")
        reference, flow = self._measure(clips[:, :2])
        frame, size = clips[:, 1], tuple(clips.shape[-2:])
        self.motion.start_from(flow, motion_gain(lambdas[0], frame))
        decoded, _ = self.motion.code(flow, len(flow), size, Estimate(training=False))
        predicted = self.predicted
        for part in (self.extractor, self.fusion):
            part.start_with_picture()
        for adapt in (self.adapt_frame, self.adapt_feature):
            if adapt is not None:
                start_as_sum(adapt, [0])
        self.generator.start_with_picture(predicted)
        coded = frame - warp(reference, decoded) if predicted else frame
        y = Chain(self.encoder.chain(), self.decoder.chain()).start_from(coded, step_gain(lambdas[0]), not predicted)
        if predicted:
            self.encoder.start_with_difference()
        start_hyper(self.hyper_encoder, y, self.hyper_prior)
        start_scales(self.entropy_parameters[-1], self.law.scales_of(y.square().mean((0, 2, 3)).sqrt()))

    def _measure(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Decoded references and the flow to them of ``(N, 2, 3, H, W)`` pairs, a few at a time."""
        found = []
        for part in pairs.split(8):
            job = FrameJob("I", part[:, 0], None, Estimate(training=False), Rate(), tuple(part.shape[-2:]))
            reference = self.intra.code_frame(job).state["frame"]
            found.append((reference, self.estimate(part[:, 1], reference, FULL)))
        references, flows = zip(*found, strict=True)
        return torch.cat(references), torch.cat(flows)

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        motion = self.motion.encoder[-1].out_channels
        hyper = self.hyper_prior.channels
        own = {"motion": (motion, 16), "motion_hyper": (hyper, 64)}
        own |= {"frame": (self.encoder.down[-1].out_channels, 16), "frame_hyper": (hyper, 64)}
        return self.intra.describe() | own
