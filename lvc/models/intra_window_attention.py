"""SSNVC's intra codec: window attention in both transforms, a space-channel context model (Sec. 3.1 of SSNVC).

The paper names the ingredients alone. Decided here:

* Transforms of four 5x5 convolutions with GDN, and two attention blocks each (Zou et al., CVPR 2022): windows of 8 at
  1/4 of the size, of 4 at 1/16.
* The latent is coded in uneven channel groups, each in two checkerboard passes (ELIC, He et al., CVPR 2022), under a
  Gaussian of the means and scales that the pass knows.
* Convolutions and hyper transforms have the widths of CompressAI's ELIC, 192 and 320.
"""

from collections.abc import Iterator

from torch import Tensor, nn

from lvc.config.intra import IntraWindowAttentionConfig
from lvc.entropy.staged import StagedContext
from lvc.entropy.streams import SymbolStream
from lvc.layers.attention import AttentionBlock
from lvc.layers.classical import see_normalised
from lvc.layers.conv import conv, deconv
from lvc.layers.gdn import GDN, igdn
from lvc.layers.hyper import HyperDecoder, HyperEncoder
from lvc.models.intra import IntraCodec


class IntraWindowAttention(IntraCodec):
    """Attention in the transforms, passes in the entropy model.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: IntraWindowAttentionConfig):
        n, latent = config.channels, config.latent_channels
        g_a = nn.Sequential(
            conv(3, n, 5, 2),
            GDN(n),
            conv(n, n, 5, 2),
            GDN(n),
            AttentionBlock(n, window=8),
            conv(n, n, 5, 2),
            GDN(n),
            conv(n, latent, 5, 2),
            AttentionBlock(latent, window=4),
        )
        h_a, h_s = HyperEncoder(latent, n, kernel=5, slope=0.0), HyperDecoder(n, n, kernel=5, slope=0.0)
        g_s = nn.Sequential(
            AttentionBlock(latent, window=4),
            deconv(latent, n, kernel=5),
            igdn(n),
            deconv(n, n, kernel=5),
            igdn(n),
            AttentionBlock(n, window=8),
            deconv(n, n, kernel=5),
            igdn(n),
            deconv(n, 3, kernel=5),
        )
        super().__init__(config, latent, n, g_a, h_a, h_s, g_s)
        self.context = StagedContext(config.context, 2 * n, self.law)

    def code_latent(self, y: Tensor | None, parameters: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor]:
        """See :meth:`lvc.models.intra.IntraCodec.code_latent`."""
        return self.context.code("intra", y, parameters, stream)

    def scale_networks(self) -> Iterator[tuple[nn.Sequential, slice]]:
        """See :meth:`lvc.models.intra.IntraCodec.scale_networks`."""
        yield from self.context.scale_networks()

    def start_contexts(self, deviations: Tensor) -> None:
        """See :meth:`lvc.models.intra.IntraCodec.start_contexts`."""
        for layer, channels in self.context.latent_readers():
            see_normalised(layer, deviations[channels])
