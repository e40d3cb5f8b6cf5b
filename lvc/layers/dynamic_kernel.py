"""Convolutions and gains whose weights are predicted, for every sample its own."""

from torch import Tensor, nn
from torch.nn import functional as F


class PredictedConvolution(nn.Module):
    """A depthwise 3x3 convolution with a kernel predicted per sample and channel (Eq. 4 of MASTC-VC).

    Args:
        code: Channels of what kernels are predicted from.
        channels: Channels of what is convolved.
    """

    def __init__(self, code: int, channels: int):
        super().__init__()
        self.kernels = nn.Sequential(
            nn.Linear(code, code // 2, bias=False),
            nn.LeakyReLU(0.1),
            nn.Linear(code // 2, channels * 9, bias=False),
        )

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Convolve ``(B, C, h, w)`` with the kernels that ``(B, code)`` asks for."""
        batch, channels = x.shape[:2]
        kernels = self.kernels(code).reshape(batch * channels, 1, 3, 3)
        # the samples side by side as channels of one picture: each of them meets its own kernel
        together = x.reshape(1, batch * channels, *x.shape[2:])
        return F.conv2d(together, kernels.to(x.dtype), padding=1, groups=batch * channels).reshape(x.shape)


class PredictedGain(nn.Module):
    """A factor per sample and channel, 0 or more (Eq. 5 of MASTC-VC).

    Args:
        code: Channels of what gains are predicted from.
        channels: Channels of what is scaled.
    """

    def __init__(self, code: int, channels: int):
        super().__init__()
        self.gains = nn.Sequential(
            nn.Conv2d(code, code // 2, 1, bias=False),
            nn.LeakyReLU(0.1),
            nn.Conv2d(code // 2, channels, 1, bias=False),
            nn.ReLU(),
        )

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Scale ``(B, C, h, w)`` as ``(B, code)`` asks for."""
        return x * self.gains(code[:, :, None, None])
