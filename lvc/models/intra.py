"""What the intra codecs share: transforms around a latent at 1/16 of the size and a hyper latent at 1/64."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, VideoCodec
from lvc.config.intra import IntraCodecConfig
from lvc.entropy.factorized import BottleneckPrior
from lvc.entropy.hyperprior import code_hyper
from lvc.entropy.priors import ScaleLaw
from lvc.entropy.streams import SymbolStream
from lvc.layers.classical import Chain, start_hyper, start_scales
from lvc.layers.hyper import scales_and_means
from lvc.layers.rate import step_gain
from lvc.structures.low_delay import low_delay


class IntraCodec(VideoCodec):
    """An intra codec with a Gaussian latent. Names are CompressAI's, so weights of its model zoo fit.

    A subclass gives the networks, and has its own :meth:`code_latent` where more than the hyper latent is known.

    Args:
        config: The model's configuration.
        latent: Channels of the latent.
        hyper: Channels of the hyper latent.
        g_a: Frame to latent.
        h_a: Latent to hyper latent.
        h_s: Hyper latent to entropy parameters.
        g_s: Latent to frame.
    """

    def __init__(
        self,
        config: IntraCodecConfig,
        latent: int,
        hyper: int,
        g_a: nn.Module,
        h_a: nn.Module,
        h_s: nn.Module,
        g_s: nn.Module,
    ):
        super().__init__(config)
        self.structure = low_delay(config.structure)
        self.latent = latent
        self.g_a, self.h_a, self.h_s, self.g_s = g_a, h_a, h_s, g_s
        self.hyper_prior = BottleneckPrior(hyper, config.entropy.likelihood_bound)
        self.law = ScaleLaw("gaussian", config.entropy.likelihood_bound)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        return {"intra": [module for module in self.children() if any(True for _ in module.parameters())]}

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`; every frame is intra."""
        stream = job.stream
        y = None if stream.reads else self.g_a(job.frame)
        shape = (job.batch, job.size[0] // 64, job.size[1] // 64)
        hyper = (self.analyse, self.h_s, self.hyper_prior)
        parameters, hyper_bits = code_hyper("intra_hyper", y, shape, *hyper, stream)
        y_hat, bits = self.code_latent(y, parameters, stream)
        decoded = self.g_s(y_hat).float()
        state = {"frame": decoded.clamp(0, 1)}
        return FrameCoding(job.kind, decoded, {"intra_hyper": hyper_bits, "intra": bits}, state=state)

    def analyse(self, y: Tensor) -> Tensor:
        """The hyper latent of a latent."""
        return self.h_a(self.analysed(y))

    def analysed(self, y: Tensor) -> Tensor:
        """What the hyper latent is made from: the latent."""
        return y

    def code_latent(self, y: Tensor | None, parameters: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor]:
        """Code the latent under what the hyper latent says of it: here its scales and means, by halves.

        Args:
            y: ``(B, C, h, w)`` latent, ``None`` when reading.
            parameters: ``(B, P, h, w)`` what ``h_s`` made of the hyper latent, in float32.
            stream: Where symbols go to or come from.

        Returns:
            The decoded latent in float32, and its bits ``(B,)``.
        """
        return stream.code("intra", y, self.law(*scales_and_means(parameters)))

    @torch.no_grad()
    def start_from(self, clips: Tensor, lambdas: tuple[float, float]) -> None:
        """See :meth:`lvc.codec.VideoCodec.start_from`: the transforms begin as the KLT of the clips' first frames."""
        y = Chain([self.g_a], [self.g_s]).start_from(clips[:, 0], step_gain(lambdas[0]), centre=True)
        deviations = y.square().mean((0, 2, 3)).sqrt()
        start_hyper(self.h_a, self.analysed(y), self.hyper_prior)
        for network, channels in self.scale_networks():
            start_scales(network[-1], self.law.scales_of(deviations[channels]))
        self.start_contexts(deviations)

    def scale_networks(self) -> Iterator[tuple[nn.Sequential, slice]]:
        """The networks that make scales and means, each with the channels of the latent that it makes them for."""
        yield self.h_s, slice(None)

    def start_contexts(self, deviations: Tensor) -> None:
        """Let networks that read the latent begin as on one of deviations near 1."""

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        return {"intra": (self.latent, 16), "intra_hyper": (self.hyper_prior.channels, 64)}
