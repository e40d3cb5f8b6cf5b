"""The codec of :class:`lvc_example.config.ExampleConfig`."""

from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, VideoCodec
from lvc.entropy.factorized import FactorizedPrior
from lvc.layers.conv import conv, subpixel
from lvc.structures.low_delay import LowDelay


class Picture(nn.Module):
    """Codes a picture as one latent at 1/16 of its size."""

    def __init__(self, n: int, bound: float):
        super().__init__()
        self.encoder = nn.Sequential(conv(3, n, 5, 2), conv(n, n, 5, 2), conv(n, n, 5, 2), conv(n, n, 5, 2))
        self.decoder = nn.Sequential(subpixel(n, n), subpixel(n, n), subpixel(n, n), subpixel(n, 3))
        self.prior = FactorizedPrior(n, bound)

    def code(self, name: str, x: Tensor | None, job: FrameJob) -> tuple[Tensor, dict[str, Tensor]]:
        """Code ``(B, 3, H, W)``, or read it."""
        shape = (job.batch, self.prior.channels, job.size[0] // 16, job.size[1] // 16)
        y_hat, bits = job.stream.code(name, None if job.reads else self.encoder(x), self.prior(shape))
        return self.decoder(y_hat).float(), {name: bits}


class Example(VideoCodec):
    """Frames, and differences of frames."""

    def __init__(self, config):
        super().__init__(config)
        self.structure = LowDelay(config.structure.intra_period)
        self.intra = Picture(config.channels, config.entropy.likelihood_bound)
        self.change = Picture(config.channels, config.entropy.likelihood_bound)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        """See :attr:`lvc.codec.VideoCodec.parts`."""
        return {"intra": [self.intra], "change": [self.change]}

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`."""
        if job.kind == "I":
            decoded, bits = self.intra.code("intra", job.frame, job)
        else:
            reference = job.state["frame"]
            change, bits = self.change.code("change", None if job.reads else job.frame - reference, job)
            decoded = reference + change
        return FrameCoding(job.kind, decoded, bits, state={"frame": decoded.clamp(0, 1)})
