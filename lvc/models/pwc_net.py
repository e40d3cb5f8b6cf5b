"""PWC-Net by itself, as a stage may train it: a single part."""

from collections.abc import Iterator

from torch import Tensor, nn

from lvc.config.pwc_net import PWCNetModelConfig
from lvc.models.spynet import FlowNetwork
from lvc.motion.pwc_net import PWCNet


class PWCFlowNetwork(FlowNetwork):
    """A flow network of one part, whose levels know nothing alone; ``flow`` has the place that it has in a codec.

    Args:
        config: The model's configuration.
    """

    stride = PWCNet.stride

    def __init__(self, config: PWCNetModelConfig):
        nn.Module.__init__(self)
        self.colours = 3
        self.flow = PWCNet(config.features, config.decoder, config.context, config.radius)

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        """What a stage may train, by name."""
        return {"network": [self.flow]}

    def pyramid(self, frame: Tensor, reference: Tensor, coarsest: int = 0, finest: int = 0) -> Iterator[Tensor]:
        """Flow after every level: see :meth:`lvc.motion.pwc_net.PWCNet.pyramid`."""
        return self.flow.pyramid(frame, reference)

    def judged(self, parts: int) -> int:
        """See :meth:`FlowNetwork.judged`: all levels, and what is made of the last."""
        return len(self.flow.levels) + 1
