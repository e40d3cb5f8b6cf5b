"""Panels to look at: original, reconstruction, flow and where bits went."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lvc.codec import FrameCoding


def panel(original: Tensor, decoded: Tensor, coding: FrameCoding, maps: dict[str, Tensor]) -> Tensor:
    """Lay out one frame's pictures side by side.

    Args:
        original: ``(3, h, w)`` in [0, 1].
        decoded: ``(3, h, w)`` in [0, 1].
        coding: The frame's coding, for its flow and its streams.
        maps: ``(1, 1, h', w')`` bits by stream name.

    Returns:
        ``(3, h, 4 * w)`` bytes on the CPU; the flow's hue is its direction, bright in the bit map is dear.
    """
    from torchvision.utils import flow_to_image

    height, width = original.shape[-2:]
    flow = coding.flow[0] if coding.flow is not None else original.new_zeros(2, height, width)
    pictures = [
        _bytes(original),
        _bytes(decoded),
        flow_to_image(flow[:, :height, :width].float()),
        bit_map({name: maps[name] for name in coding.bits if name in maps}, tuple(coding.frame.shape[-2:]))[
            :, :height, :width
        ],
    ]
    return torch.cat([p.cpu() for p in pictures], 2)


def side_by_side(original: Tensor, decoded: Tensor) -> Tensor:
    """Two clips ``(T, 3, h, w)`` in [0, 1] as one, the decoded on the right: ``(T, 3, h, 2 * w)`` bytes on the CPU."""
    return torch.cat([_bytes(original), _bytes(decoded)], 3).cpu()


def bit_map(maps: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
    """Bits of all streams spread over the pixels they cover, as ``(3, H, W)`` bytes in a colour map."""
    from matplotlib import colormaps

    spent = torch.zeros(size)
    for bits in maps.values():
        area = size[0] * size[1] / (bits.shape[-2] * bits.shape[-1])
        spent += F.interpolate(bits.float().cpu() / area, size=size, mode="nearest")[0, 0]
    colours = colormaps["inferno"]((spent / spent.max().clamp(min=1e-9)).numpy())[..., :3]
    return _bytes(torch.from_numpy(colours).permute(2, 0, 1))


def _bytes(picture: Tensor) -> Tensor:
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8)
