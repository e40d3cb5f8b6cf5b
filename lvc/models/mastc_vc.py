"""MASTC-VC: multiscale motion-aware and spatial-temporal-channel contextual coding (Wang et al., 2023).

Decided where the paper is silent or contradicts itself:

* Features are at 1/2, 1/4 and 1/8 of the size, not at 1, 1/2 and 1/4: a single transposed convolution makes the frame.
* Eq. 14 adds the refinement to the deformable convolution's output; Eq. 16's second channel context is the spatial one.
* Widths of layers are those that come to 19.84 M parameters; the paper has 19.87 M and lists none.
* Between the last two convolutions of the temporal contextual encoder is a LeakyReLU.
* "Gaussian scale mixture" is one Gaussian per element; its scales are at least 0.11.
* Latents are quantised as :class:`lvc.entropy.streams.Estimate` is told, ``mixed`` by default.
* The frame is not predicted in pixels: the paper's loss has no such term. What is predicted is its feature.
* Table III: without MS-MAM motion is estimated at the largest scale alone, and the other features are not made; without
  STCCM the hyper decoder's output is the scales and means.
* Table IV: a context that is left out leaves its network out; passes over groups stay, unless spatial context goes.
* Fresh weights make the path from the reference to the frame pass it on, so an untrained P frame is nearly its
  reference, and training starts from there instead of learning to copy first.
"""

import torch
from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, VideoCodec
from lvc.config.mastc_vc import ContextConfig, MASTCVCConfig
from lvc.entropy.factorized import BottleneckPrior
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.staged import StagedContext
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import ResBlock, conv, deconv, full_precision, start_as_identity
from lvc.layers.gdn import GDN
from lvc.layers.hyper import HyperDecoder, HyperEncoder, scales_and_means
from lvc.layers.pyramid import Pyramid
from lvc.layers.residual import relu_block, residual_decoder, residual_encoder
from lvc.layers.space_channel import aggregation
from lvc.motion.deformable import DeformableCompensation
from lvc.motion.feature_codec import FeatureMotionCodec
from lvc.motion.multiscale import MultiscaleMotion
from lvc.structures.low_delay import low_delay


class STCCM(nn.Module):
    """The latent c under hyperprior, temporal prior and contexts (Sec. III-D, Fig. 7).

    Args:
        config: Which contexts there are.
        features: Channels of the predicted feature.
        latent: Channels of the latent.
        hyper: Channels of the hyper latent.
        law: Distribution of the latent.
    """

    def __init__(self, config: ContextConfig, features: int, latent: int, hyper: int, law: ScaleLaw):
        super().__init__()
        self.law = law
        self.hyper_encoder = HyperEncoder(latent, hyper, kernel=5, slope=0.0)
        self.hyper_decoder = HyperDecoder(hyper, latent, kernel=5, slope=0.0)
        self.hyper_prior = BottleneckPrior(hyper, law.likelihood_bound)
        self.temporal = self.fusion = self.staged = None
        if config.temporal:
            self.temporal = nn.Sequential(
                *(layer for _ in range(3) for layer in (conv(features, features, 5, stride=2), GDN(features))),
                *(conv(features, features, 5), nn.LeakyReLU(), conv(features, 2 * latent, 5)),
            )
            self.fusion = aggregation(4 * latent, 2 * latent, slope=0.01)
        if config.enabled:
            self.staged = StagedContext(config, 2 * latent, law)

    def code(
        self, c: Tensor | None, predicted: Tensor, size: tuple[int, int], stream: SymbolStream
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Code the latent.

        Args:
            c: ``(B, C, H/16, W/16)``, ``None`` when reading.
            predicted: ``(B, F, H/2, W/2)`` predicted feature.
            size: ``(H, W)`` of the frame.
            stream: Where symbols go to or come from.

        Returns:
            The decoded latent in float32 and bits by stream name.
        """
        shape = (len(predicted), size[0] // 64, size[1] // 64)
        hyper = (self.hyper_encoder, self.hyper_decoder, self.hyper_prior)
        prior, hyper_bits = code_hyper("frame_hyper", c, shape, *hyper, stream)
        if self.temporal is not None:
            with full_precision(prior):
                prior = self.fusion(torch.cat([prior, self.temporal(predicted.float())], 1))
        if self.staged is not None:
            c_hat, bits = self.staged.code("frame", c, prior, stream)
        else:
            c_hat, bits = stream.code("frame", c, self.law(*scales_and_means(prior)))
        return c_hat, {"frame_hyper": hyper_bits, "frame": bits}


class MASTCVC(VideoCodec):
    """The codec of Fig. 1.

    Args:
        config: The model's configuration.
        intra: Codec of the intra frames.
    """

    def __init__(self, config: MASTCVCConfig, intra: VideoCodec):
        super().__init__(config)
        self.structure = low_delay(config.structure)
        self.intra = intra
        n, latent, hyper, aware = config.channels, config.latent_channels, config.hyper_channels, config.motion_aware
        law = ScaleLaw("gaussian", config.entropy.likelihood_bound)

        def blocks() -> list[nn.Module]:
            return [relu_block(n) for _ in range(config.blocks)]

        self.extractor = Pyramid(
            nn.Sequential(conv(n if level else 3, n, stride=2), *blocks()) for level in range(aware.levels)
        )
        self.estimation = MultiscaleMotion(n, aware.levels, aware.normalization, aware.double)
        self.motion = FeatureMotionCodec(n, latent, hyper, law)
        self.compensation = DeformableCompensation(n, config.offset_groups)

        self.encoder = residual_encoder(2 * n, latent)
        self.context = STCCM(config.context, n, latent, hyper, law)
        self.decoder = residual_decoder(latent, n)
        self.refinement = nn.Sequential(conv(2 * n, n), relu_block(n), relu_block(n), conv(n, n))
        self.reconstruction = nn.Sequential(*blocks(), deconv(n, 3, kernel=5))
        self._start_as_copy()

    @torch.no_grad()
    def _start_as_copy(self) -> None:
        """Let the untrained codec decode its reference."""
        for path in (self.extractor, self.refinement, self.reconstruction):
            for block in path.modules():
                if isinstance(block, ResBlock):
                    block.start_as_identity()
        # the first 12 channels of the largest feature begin as the frame's pixels, four to a position
        down, up = self.extractor[0][0], self.reconstruction[-1]
        for layer in (down, up, self.compensation.offsets, self.compensation.refine[-1]):
            for parameter in layer.parameters():
                parameter.mul_(0.03)
        for channel in range(12):
            colour, row, column = channel // 4, channel // 2 % 2, channel % 2
            down.weight[channel, colour, row + 1, column + 1] += 1
            up.weight[channel, colour, row + 2, column + 2] += 1
        start_as_identity(self.compensation.align)
        self.compensation.align.weight.mul_(2)  # where offsets are 0 the masks are 1/2
        start_as_identity(self.refinement[0], first=down.out_channels)
        start_as_identity(self.refinement[-1])

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        return {
            "features": [self.extractor, self.reconstruction],
            "motion": [self.estimation, self.motion, self.compensation],
            "frame": [self.encoder, self.context, self.decoder, self.refinement],
            "intra": [self.intra],
        }

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`."""
        if job.kind == "I":
            return self.intra.code_frame(job)
        stream, size = job.stream, job.size
        reference, features, motion = job.state["frame"], None, None
        if stream.reads:
            reference_features = self.extractor(reference, levels=1)
        else:
            features, reference_features = self.extractor(job.frame), self.extractor(reference)
            motion = self.estimation(features, reference_features)
        motion, bits = self.motion.code(motion, len(reference), size, stream)
        predicted = self.compensation(reference_features[0], motion)

        c = None if stream.reads else self.encoder(torch.cat([features[0], predicted], 1))
        c_hat, frame_bits = self.context.code(c, predicted, size, stream)
        refined = self.refinement(torch.cat([self.decoder(c_hat), predicted], 1))
        decoded = self.reconstruction(refined).float()
        return FrameCoding(job.kind, decoded, bits | frame_bits, state={"frame": decoded.clamp(0, 1)})

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        own = {}
        for name, codec in (("motion", self.motion), ("frame", self.context)):
            hyper = codec.hyper_encoder[0]
            own |= {name: (hyper.in_channels, 16), f"{name}_hyper": (hyper.out_channels, 64)}
        return self.intra.describe() | own
