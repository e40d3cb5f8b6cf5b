"""SSNVC: single-stream neural video compression with implicit temporal information (Wang et al., 2024).

Fig. 2: DCVC-TCM without its motion codec. The encoder mines contexts with the flow from the frame to its reference, the
decoder with the flow from that reference to the one before, which it can compute itself; networks are shared. The
encoder runs the decoder's half too, because it needs the same contexts for the entropy model and the reconstruction.

Decided where the paper is silent or contradicts itself:

* The first P frame has no frame before its reference and no earlier latents: its predicted flow and these latents are
  0. The second has one earlier latent.
* The predicted flow is taken as it is, not carried along itself, and warps the newest propagated feature alone.
* The entropy model knows hyper prior, temporal prior and two earlier latents, concatenated; the law is DCVC-TCM's.
* Mixed blocks stand before the encoder's third and fourth downsampling; see :mod:`lvc.layers.attention`.
* A U-Net of the generator gets the first feature and all earlier U-Nets' outputs; the last one's is propagated.
* Table 4: its anchor has the predicted flow already, so a row without implicit temporal information is one without
  earlier latents; without the window-attention intra codec is with DCVC-TCM's; without U-Nets is with DCVC-TCM's
  generator. The mixed blocks stay in every row but the anchor, which is DCVC-TCM without its motion codec.
* Rates count all that is written, the hyper latent too (Eq. 1; Sec. 4.1 speaks of the latent only).
* Fresh weights begin as in DCVC-TCM: an untrained P frame is its reference, warped with the predicted flow.
"""

import torch
from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, VideoCodec
from lvc.config.ssnvc import SSNVCConfig
from lvc.entropy.factorized import FactorizedPrior
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.attention import MixedBlock
from lvc.layers.contexts import (
    ContextFusion,
    ContextualDecoder,
    ContextualEncoder,
    FeatureExtractor,
    FrameGenerator,
    TemporalPriorEncoder,
)
from lvc.layers.conv import conv, full_precision, start_as_identity
from lvc.layers.hyper import EntropyParameters, HyperDecoder, HyperEncoder, scales_and_means
from lvc.layers.unet import UNetGenerator
from lvc.motion.spynet import SpyNet
from lvc.motion.warp import warp_scales
from lvc.structures.low_delay import low_delay

SCALES = 3
"""Scales at which contexts are mined, and contexts that are used."""


class SSNVC(VideoCodec):
    """The codec of Fig. 2.

    Args:
        config: The model's configuration.
        intra: Codec of the intra frames.
    """

    def __init__(self, config: SSNVCConfig, intra: VideoCodec):
        super().__init__(config)
        self.structure = low_delay(config.structure)
        self.intra = intra
        n, latent, hyper = config.channels, config.latent_channels, config.hyper_channels
        self.latent, self.previous = latent, config.previous_latents
        self.predicted_motion = config.predicted_motion

        self.flow = SpyNet(config.flow.levels, config.flow.widths)
        self.adapt_frame, self.adapt_feature = conv(3, n), conv(n, n, kernel=1)
        self.extractor = FeatureExtractor(n, SCALES)
        self.fusion = ContextFusion(n, SCALES, SCALES)

        self.encoder = ContextualEncoder(n, latent, SCALES, MixedBlock if config.mixed_blocks else None)
        self.decoder = ContextualDecoder(n, latent, n // 2, SCALES)
        unets = UNetGenerator(n // 2, n, config.unets, config.dense) if config.unets else None
        self.generator = unets or FrameGenerator(n // 2, n, n)
        self.hyper_encoder = HyperEncoder(latent, hyper)
        self.hyper_decoder = HyperDecoder(hyper, latent)
        self.hyper_prior = FactorizedPrior(hyper, config.entropy.likelihood_bound)
        self.temporal_prior = TemporalPriorEncoder(n, latent, SCALES)
        self.entropy_parameters = EntropyParameters(latent * (4 + self.previous), latent)
        self.law = ScaleLaw("laplace", config.entropy.likelihood_bound)

        for part in (self.extractor, self.fusion, self.generator):
            part.start_as_copy()
        for adapt in (self.adapt_frame, self.adapt_feature):
            start_as_identity(adapt)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        entropy = [self.hyper_encoder, self.hyper_decoder, self.hyper_prior]
        entropy += [self.temporal_prior, self.entropy_parameters]
        return {
            "flow": [self.flow],
            "context": [self.adapt_frame, self.adapt_feature, self.extractor, self.fusion],
            "frame": [self.encoder, self.decoder, self.generator, *entropy],
            "intra": [self.intra],
        }

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`.

        A state holds the decoded ``frame`` and, after a P frame, its propagated ``feature``, its ``latent``, and what
        it referred to: ``frame_before`` and ``latent_before``.
        """
        if job.kind == "I":
            return self.intra.code_frame(job)
        frame, state, stream = job.frame, job.state, job.stream
        scales = self.extract(state)
        y = None if stream.reads else self.encoder(frame, self.mine(scales, self.flow(frame, state["frame"])))
        predicted = self.predict_flow(state)
        contexts = self.mine(scales, predicted)
        earlier = self.earlier_latents(state)
        latent, bits = self._code_latent(y, contexts, earlier, job.size, stream)
        decoded, feature = self.generator(self.decoder(latent, contexts), contexts)
        decoded = decoded.float()
        state = {"frame": decoded.clamp(0, 1), "frame_before": state["frame"], "feature": feature, "latent": latent}
        state |= {"latent_before": earlier[0]} if self.previous > 1 else {}
        return FrameCoding(job.kind, decoded, bits, flow=predicted, state=state)

    def extract(self, state: dict[str, Tensor]) -> list[Tensor]:
        """Scales of the propagated feature, or of the decoded frame where there is none."""
        feature = state.get("feature")
        return self.extractor(self.adapt_frame(state["frame"]) if feature is None else self.adapt_feature(feature))

    def mine(self, scales: list[Tensor], flow: Tensor) -> list[Tensor]:
        """Temporal contexts along a flow (the "temporal context mining" of Fig. 2, on either side)."""
        return self.fusion(warp_scales(scales, flow))

    def predict_flow(self, state: dict[str, Tensor]) -> Tensor:
        """The last decoded motion, as a prediction of the frame's own; 0 where only one frame is decoded."""
        before = state.get("frame_before")
        if before is None or not self.predicted_motion:
            return torch.zeros_like(state["frame"][:, :2])
        return self.flow(state["frame"], before)

    def earlier_latents(self, state: dict[str, Tensor]) -> list[Tensor]:
        """Decoded latents of as many frames as the entropy model knows, newest first; 0 where there is none."""
        batch, _, height, width = state["frame"].shape
        none = state["frame"].new_zeros(batch, self.latent, height // 16, width // 16)
        return [state.get(name, none) for name in ("latent", "latent_before")[: self.previous]]

    def _code_latent(
        self,
        y: Tensor | None,
        contexts: list[Tensor],
        earlier: list[Tensor],
        size: tuple[int, int],
        stream: SymbolStream,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Code the frame's latent under the hyper prior, the temporal prior and earlier latents."""
        shape = (len(contexts[0]), size[0] // 64, size[1] // 64)
        hyper = (self.hyper_encoder, self.hyper_decoder, self.hyper_prior)
        prior, hyper_bits = code_hyper("frame_hyper", y, shape, *hyper, stream)
        with full_precision(prior):
            temporal = self.temporal_prior([context.float() for context in contexts])
            scales, means = scales_and_means(self.entropy_parameters(torch.cat([temporal, prior, *earlier], 1)))
        latent, bits = stream.code("frame", y, self.law(scales, means))
        return latent, {"frame_hyper": hyper_bits, "frame": bits}

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        own = {"frame": (self.latent, 16), "frame_hyper": (self.hyper_prior.channels, 64)}
        return self.intra.describe() | own
