"""A metric: the mean absolute error."""

from math import log10

from torch import Tensor

from lvc.config.metrics import Metric


def mean_absolute_error(frames: Tensor, target: Tensor) -> Tensor:
    """Of ``(B, T, C, H, W)`` frames in [0, 1]: ``(B, T)``."""
    return (frames.float() - target.float()).abs().mean((2, 3, 4))


MAE = Metric(
    title="MAE (dB)",
    scale=lambda value: -20 * log10(value),
    short="MAE",
    function="lvc_example.metric:mean_absolute_error",
    loss=lambda value: value,
    higher_is_better=False,
)
