"""Intra codecs of CompressAI's model zoo: its networks, our streams.

A latent is rounded around its means, as CompressAI's coder does; in training its autoregressive codecs see contexts
with noise, as CompressAI's do. Bitstreams are not CompressAI's: another range coder, and several positions at once.
"""

import torch
from compressai.models import Cheng2020Anchor, JointAutoregressiveHierarchicalPriors, ScaleHyperprior
from torch import Tensor

from lvc.config.intra import IntraCompressAIConfig
from lvc.entropy.autoregressive import code_autoregressive
from lvc.entropy.streams import SymbolStream
from lvc.models.intra import IntraCodec


class IntraScaleHyperprior(IntraCodec):
    """``bmshj2018-hyperprior``: a scale per element and no means, from a hyper latent of the latent's magnitudes.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: IntraCompressAIConfig):
        theirs = ScaleHyperprior(config.channels, config.latent_channels)
        super().__init__(config, theirs.M, theirs.N, theirs.g_a, theirs.h_a, theirs.h_s, theirs.g_s)

    def analyse(self, y: Tensor) -> Tensor:
        """See :meth:`lvc.models.intra.IntraCodec.analyse`."""
        return self.h_a(y.abs())

    def code_latent(self, y: Tensor | None, parameters: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor]:
        """See :meth:`lvc.models.intra.IntraCodec.code_latent`."""
        return stream.code("intra", y, self.law(parameters, torch.zeros_like(parameters)))


class IntraMbt2018(IntraCodec):
    """``mbt2018``: scales and means from the hyper latent and what is decoded around.

    Args:
        config: The model's configuration.
        theirs: CompressAI's codec, if it is another autoregressive one.
    """

    def __init__(self, config: IntraCompressAIConfig, theirs: JointAutoregressiveHierarchicalPriors | None = None):
        theirs = theirs or JointAutoregressiveHierarchicalPriors(config.channels, config.latent_channels)
        super().__init__(config, theirs.M, theirs.N, theirs.g_a, theirs.h_a, theirs.h_s, theirs.g_s)
        self.context_prediction = theirs.context_prediction
        self.entropy_parameters = theirs.entropy_parameters

    def code_latent(self, y: Tensor | None, parameters: Tensor, stream: SymbolStream) -> tuple[Tensor, Tensor]:
        """See :meth:`lvc.models.intra.IntraCodec.code_latent`."""
        networks = (self.context_prediction, self.entropy_parameters)
        return code_autoregressive("intra", y, parameters, *networks, self.law, stream)


class IntraCheng2020Anchor(IntraMbt2018):
    """``cheng2020-anchor``: the same with residual transforms of 3x3 convolutions.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: IntraCompressAIConfig):
        super().__init__(config, Cheng2020Anchor(config.channels))
