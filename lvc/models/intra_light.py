"""The intra codec of the light codec: small, variable rate, and at the level of JPEG before its first step."""

import torch
from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, Rate, VideoCodec
from lvc.config.intra import IntraLightConfig
from lvc.entropy.priors import ScaleLaw
from lvc.layers.light import shuffle, unshuffle
from lvc.models.light_coder import TransformCoder
from lvc.structures.low_delay import low_delay


class IntraLight(VideoCodec):
    """Frames by one transform coder, around the mean colour of the training data.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: IntraLightConfig):
        super().__init__(config)
        self.structure = low_delay(config.structure)
        self.config = config
        self.register_buffer("mean", torch.full((3, 1, 1), 0.44))
        law = ScaleLaw("gaussian", config.entropy.likelihood_bound)
        self.coder = TransformCoder(config.transform, law, config.qualities)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        return {"intra": [self.coder]}

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`; every frame is intra."""
        q = self.index(job.rate, job.batch)
        x = None if job.reads else unshuffle(job.frame - self.mean)
        decoded, _, bits = self.coder("intra", x, q, job.size, job.stream)
        decoded = shuffle(decoded) + self.mean
        return FrameCoding(job.kind, decoded, bits, state={"frame": decoded.clamp(0, 1)})

    def index(self, rate: Rate, batch: int) -> Tensor:
        """Quality indices ``(B,)``: the rate's, or, in a codec of a single rate, the configured or the middle one."""
        if rate.q is not None:
            return rate.q.clamp(0, self.config.qualities - 1)
        q = (self.config.qualities - 1) / 2 if self.config.quality is None else self.config.quality
        return torch.full((batch,), float(q), device=self.mean.device)

    @torch.no_grad()
    def start_from(self, clips: Tensor, lambdas: tuple[float, float]) -> None:
        """See :meth:`lvc.codec.VideoCodec.start_from`."""
        frames = clips[:, 0]
        self.mean.copy_(frames.mean((0, 2, 3))[:, None, None])
        self.coder.start_from(unshuffle(frames - self.mean), lambdas)

    def describe(self) -> dict[str, tuple[int, int]]:
        """Latents by stream name: channels and downsampling."""
        entropy = self.coder.entropy
        return {"intra": (len(entropy.deviations), 16), "intra_hyper": (entropy.hyper_prior.channels, 64)}
