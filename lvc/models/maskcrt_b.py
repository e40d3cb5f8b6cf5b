"""MaskCRT-B: B frames by masked conditional residual Transformers (Chen et al., IEEE TCSVT 2024; arXiv 2312.15829).

Only the P-frame codec has been released. The B-frame codec that OMRA (arXiv 2402.12816) builds on is reconstructed
here: B-CANF's pipeline, with the released codec's two inventions in place of its normalising flows. Decided:

* Motion estimation with five levels, motion prediction and frame synthesis are those of B-CANF; OMRA says that
  synthesis is like a GridNet, and the operations of its Table 4 fit (2.07 M per pixel here, 2.03 M there).
* Both flows are coded together, the second turned round, given the predicted flows, as B-CANF does.
* The mask sees both decoded flows and the prediction. It is soft, between 0 and 1; ``mask_relu=true`` puts the released
  network's ReLU before its sigmoid, which keeps it above 1/2.
* Frame types are the two of the released layers: referred to or not. A B* frame counts as referred to.
* The prediction is clamped to [0, 1] before it conditions anything; so are references.
* Nothing is said of initialisation. An untrained motion codec begins by carrying the mean motion of its cells: from
  chance it had learned no motion after 700 steps of a small model.
* Stochastic depth, of which the release takes 0.1, is left out.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from lvc.codec import VideoCodec
from lvc.config.maskcrt_b import MaskCRTBConfig
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import conv, deconv
from lvc.models.b_frame import BFrameCodec, Pair, SignalCoding
from lvc.models.conditional_swin import ConditionalSwin


class MaskGenerator(nn.Module):
    """Where to trust the prediction: flows and prediction to ``(B, 1, H, W)`` in (0, 1), by a small U-net.

    Args:
        inputs: Channels in.
        relu: A ReLU before the sigmoid.
    """

    def __init__(self, inputs: int, relu: bool):
        super().__init__()
        act = nn.ReLU()
        self.down1 = nn.Sequential(conv(inputs, 16), act, conv(16, 32, stride=2), act)
        self.down2 = nn.Sequential(conv(32, 32), act, conv(32, 64, stride=2), act)
        self.inner = nn.Sequential(conv(64, 64), act, conv(64, 64), act)
        self.up2 = nn.Sequential(deconv(128, 64), act, conv(64, 32), act)
        self.up1 = nn.Sequential(deconv(64, 32), act, conv(32, 16), act, conv(16, 1))
        self.end = nn.ReLU() if relu else nn.Identity()
        with torch.no_grad():  # begin by trusting the prediction
            self.up1[-1].bias.fill_(3.0)

    def forward(self, x: Tensor) -> Tensor:
        half = self.down1(x)
        quarter = self.down2(half)
        up = self.up2(torch.cat([self.inner(quarter), quarter], 1))
        return torch.sigmoid(self.end(self.up1(torch.cat([up, half], 1))).float())


class MaskCRTB(BFrameCodec):
    """Motion and masked residual by conditional Transformers, over the pipeline of :class:`BFrameCodec`.

    Args:
        config: The model's configuration.
        intra: Codec of the intra frames.
    """

    frame_types: ClassVar = {"b": 0, "B": 1, "P": 1}

    def __init__(self, config: MaskCRTBConfig, intra: VideoCodec):
        super().__init__(config, intra)
        types = max(self.frame_types.values()) + 1
        self.motion = ConditionalSwin("motion", 4, config.motion, types, self.law)
        self.frame = ConditionalSwin("frame", 3, config.frame, types, self.law)
        self.mask = MaskGenerator(7, config.mask_relu) if config.mask else None

    @property
    def parts(self) -> dict[str, list[nn.Module]]:
        return super().parts | {"mask": [self.mask] if self.mask is not None else []}

    def code_signal(
        self, frame: Tensor | None, prediction: Tensor, flows: Pair, frame_type: Tensor, stream: SymbolStream
    ) -> SignalCoding:
        """Code what the mask leaves of the frame, given the prediction: a mask of 0 is conditional coding."""
        if self.mask is None:
            return super().code_signal(frame, prediction, flows, frame_type, stream)
        kept = self.mask(torch.cat([*flows, prediction], 1)) * prediction
        coding = self.frame.code(None if frame is None else frame - kept, prediction, frame_type, stream)
        return SignalCoding(coding.signal + kept, coding.bits)
