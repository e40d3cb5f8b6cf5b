"""Intra codecs of CompressAI's model zoo: its networks, our streams.

A latent is rounded around its means, as CompressAI's coder does; in training its autoregressive codecs see contexts
with noise, as CompressAI's do. Bitstreams are not CompressAI's: another range coder, and several positions at once.
"""

from collections.abc import Iterator

import torch
from compressai.models import Cheng2020Anchor, JointAutoregressiveHierarchicalPriors, ScaleHyperprior
from torch import Tensor, nn

from lvc.config.intra import IntraBmshj2018Config, IntraCheng2020AnchorConfig, IntraCodecConfig, IntraMbt2018Config
from lvc.entropy.autoregressive import code_autoregressive
from lvc.entropy.streams import SymbolStream
from lvc.layers import compressai_blocks  # noqa: F401 (what it registers)
from lvc.layers.classical import see_normalised
from lvc.models.intra import IntraCodec


class IntraScaleHyperprior(IntraCodec):
    """``bmshj2018-hyperprior``: a scale per element and no means, from a hyper latent of the latent's magnitudes.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: IntraBmshj2018Config):
        theirs = ScaleHyperprior(config.channels, config.latent_channels)
        super().__init__(config, theirs.M, theirs.N, theirs.g_a, theirs.h_a, theirs.h_s, theirs.g_s)

    def analysed(self, y: Tensor) -> Tensor:
        """See :meth:`lvc.models.intra.IntraCodec.analysed`: the latent's magnitudes."""
        return y.abs()

    def scale_networks(self) -> Iterator[tuple[nn.Sequential, slice]]:
        """See :meth:`lvc.models.intra.IntraCodec.scale_networks`: a ReLU comes last."""
        yield self.h_s[:-1], slice(None)

    def code_latent(self, y: Tensor | None, parameters: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor]:
        """See :meth:`lvc.models.intra.IntraCodec.code_latent`."""
        return stream.code("intra", y, self.law(parameters, torch.zeros_like(parameters)))


class _Autoregressive(IntraCodec):
    """Means and scales from the hyper latent and what is decoded around.

    Args:
        config: The model's configuration.
        theirs: CompressAI's codec.
    """

    def __init__(self, config: IntraCodecConfig, theirs: JointAutoregressiveHierarchicalPriors):
        super().__init__(config, theirs.M, theirs.N, theirs.g_a, theirs.h_a, theirs.h_s, theirs.g_s)
        self.context_prediction = theirs.context_prediction
        self.entropy_parameters = theirs.entropy_parameters

    def code_latent(self, y: Tensor | None, parameters: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor]:
        """See :meth:`lvc.models.intra.IntraCodec.code_latent`."""
        networks = (self.context_prediction, self.entropy_parameters)
        return code_autoregressive("intra", y, parameters, *networks, self.law, stream)

    def scale_networks(self) -> Iterator[tuple[nn.Sequential, slice]]:
        """See :meth:`lvc.models.intra.IntraCodec.scale_networks`."""
        yield self.entropy_parameters, slice(None)

    def start_contexts(self, deviations: Tensor) -> None:
        """See :meth:`lvc.models.intra.IntraCodec.start_contexts`."""
        see_normalised(self.context_prediction, deviations)


class IntraMbt2018(_Autoregressive):
    """``mbt2018``: transforms of 5x5 convolutions with GDN."""

    def __init__(self, config: IntraMbt2018Config):
        super().__init__(config, JointAutoregressiveHierarchicalPriors(config.channels, config.latent_channels))


class IntraCheng2020Anchor(_Autoregressive):
    """``cheng2020-anchor``: residual transforms of 3x3 convolutions."""

    def __init__(self, config: IntraCheng2020AnchorConfig):
        super().__init__(config, Cheng2020Anchor(config.channels))
