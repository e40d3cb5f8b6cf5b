"""pWave++: an intra codec on a learned wavelet transform (Meyer et al., ICIP 2024; variable rate: ICASSP 2025).

RGB is turned to three planes at the codec's edge, and each plane goes through the same one-channel coder.

Decided where papers and released code are silent, or do otherwise:

* Training codes luma alone, as the paper does. Chroma then passes as it came, so that the error of R, G and B is that
  of luma: the RGB MSE of losses and logs is the luma MSE, and bits are luma's. Validation and evaluation code all
  planes. ``train_on=all`` codes them in training too.
* Planes are full-range BT.601 in 0 ... 255 with chroma around 128, at full size or, with ``chroma=420``, at half of it.
  Planes of one size are coded side by side, by one evaluation of the networks.
* A fresh codec is the CDF 9/7 wavelet codec: what networks add to taps and to the decoded picture begins at 0, and
  laws begin wide enough to see the bands: a probability of 0 has no gradient.
* Quantisation steps are bounded below at 1e-4, so that no update can make them negative. Bands are not clamped to
  8192, because the range coder has no such limit.
* Means of the lowest band are rounded (see :mod:`lvc.entropy.raster`). The band is coded in wavefronts instead of
  sample by sample: the same model and symbols, in another order.
* With ``ll_context=four_step`` the first pass over the lowest band knows nothing, so its law is what training makes
  constant.
* Lossless coding rounds all means, so that decoded samples are the integers that were coded.
* A rate point without q is the middle quality.

``compat=official`` follows the released code where it differs: 1e-5 is added to every probability, scales are bounded
at 1e-5, the lowest band is rated at unrounded means, and planes are padded with zeros to multiples of 128.
"""

from torch import Tensor, nn

from lvc.codec import FrameCoding, FrameJob, Rate, VideoCodec
from lvc.config.pwave import PWaveConfig
from lvc.entropy.priors import ScaleLaw
from lvc.models.planes import RELEASED_MULTIPLE, ColourPlanes, PlaneCoder, middle_quality
from lvc.structures.low_delay import low_delay


class PWave(VideoCodec):
    """The codec of Fig. 1 of pMCTF-L, for every plane of a frame.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: PWaveConfig):
        super().__init__(config)
        self.config = config
        self.structure = low_delay(config.structure)
        self.planes = ColourPlanes(config.chroma, config.lossless)
        self.official = config.compat == "official"
        self.border = self.planes.zeros if self.official else None
        self.coder = PlaneCoder(config, ScaleLaw("laplace", config.entropy.likelihood_bound, self.official))

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        return {"intra": [self.coder]}

    def code_frame(self, job: FrameJob) -> FrameCoding:
        """See :meth:`lvc.codec.VideoCodec.code_frame`; every frame is intra."""
        frame, stream = job.frame, job.stream
        q = self.quality(job.rate, job.batch)
        if stream.training and self.config.train_on == "luma":
            luma = self.planes.luma(frame)
            (luma,), bits = self.coder.code([luma], [luma.shape], q, stream)
            picture = self.planes.with_luma(luma, frame)
        else:
            sets = None if stream.reads else self.planes.split(frame)
            decoded, bits = self.coder.code(sets, self.planes.shapes(job.batch, job.size), q, stream)
            picture = self.planes.join(decoded)
        return FrameCoding(job.kind, picture, bits, state={"frame": picture.clamp(0, 1)})

    def multiple(self, factor: int = 1) -> int:
        """See :meth:`lvc.codec.VideoCodec.multiple`; the released code's is twice ours."""
        return RELEASED_MULTIPLE if self.official else self.stride

    def quality(self, rate: Rate, batch: int) -> Tensor:
        """Quality indices ``(B,)`` of a rate point."""
        return middle_quality(self.config.qualities, batch, self) if rate.q is None else rate.q

    def describe(self) -> dict[str, tuple[int, int]]:
        """Bands by stream name: planes and downsampling, of the finest level where there are several."""
        return {"ll": (3, 2**self.config.levels), "lh": (3, 2), "hl": (3, 2), "hh": (3, 2)}
