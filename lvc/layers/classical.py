"""A classical start for chains of strided convolutions: every stage begins as the KLT of what it sees.

The first stage takes 2x2 blocks of pixels to the directions in which they vary most, the next does the same with 2x2
blocks of those, and so on; the synthesis is the transpose. What stands beside that path (residual branches, attention)
begins at 0, and a normalisation near the identity, so that the untrained chain is an orthogonal transform.

Where an activation stands in the path, every signal goes through it twice, as x and as -x: the difference of the two is
x again, up to a factor. A model names its chains, and :func:`layers_of` knows the blocks that they are made of.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lvc.layers.conv import ResBlock
from lvc.layers.gdn import GDN
from lvc.layers.klt import as_samples, klt, start_at_zero

KEEP = 0.05
"""What is left of the random start of channels that the transform does not need."""
BENT = 0.01
"""How much of the strongest signal's energy a normalisation sees: it divides by 1.005 there."""


@singledispatch
def layers_of(module: nn.Module) -> list[nn.Module]:
    """The layers in the path of a signal through ``module``, once all that stands beside the path is silent.

    Raises:
        TypeError: A module whose path is not known; register it.
    """
    raise TypeError(f"{type(module).__name__} has no classical start")


@layers_of.register(nn.Conv2d)
@layers_of.register(nn.ConvTranspose2d)
@layers_of.register(nn.LeakyReLU)
@layers_of.register(GDN)
def _(module: nn.Module) -> list[nn.Module]:
    return [module]


@layers_of.register(nn.Sequential)
def _(module: nn.Sequential) -> list[nn.Module]:
    # a convolution and the shuffle after it are one layer that doubles the size
    return [module] if isinstance(module[-1], nn.PixelShuffle) else path(module)


@layers_of.register
def _(module: ResBlock) -> list[nn.Module]:
    module.start_as_identity()
    return []


def path(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """The layers in the path through modules in a row."""
    return [layer for module in modules for layer in layers_of(module)]


@dataclass(frozen=True)
class Chain:
    """A codec's transforms, as its model names them.

    Attributes:
        analysis: From a picture, in the order a signal passes them. The first channels in carry what is coded.
        synthesis: Back to the picture.
    """

    analysis: Sequence[nn.Module]
    synthesis: Sequence[nn.Module]

    @torch.no_grad()
    def start_from(self, samples: Tensor, gain: float, centre: bool = False) -> Tensor:
        """Begin as the KLT of ``(N, C, H, W)`` samples, sides multiples of all strides.

        Args:
            samples: What is coded.
            gain: What the latent is multiplied by, so that its unit step is the right one.
            centre: Code the difference to the samples' mean.

        Returns:
            Latents ``(N, L, h, w)`` of the samples, as many channels as the analysis has.
        """
        down, up = path(self.analysis), path(self.synthesis)
        mean = samples.mean((0, 2, 3)) * centre
        x, read, bases = samples - mean[:, None, None], _Form(), []
        last = max(place for place, layer in enumerate(down) if isinstance(layer, nn.Conv2d))
        for place, layer in enumerate(down):
            if isinstance(layer, nn.Conv2d):
                written = _form_after(down, place)
                count = layer.out_channels // written.copies
                basis = _basis(x, layer.stride[0], count)
                x = F.conv2d(x, basis, stride=layer.stride)
                if layer.stride[0] > 1:
                    bases.append(basis)
                kernel = read.reading(written.writing(basis)) * (gain if place == last else 1.0)
                _begin(layer, kernel)
                if place == 0:
                    layer.bias[: len(kernel)] = -(kernel.sum((2, 3)) @ mean)
                read = written
            elif not isinstance(layer, nn.LeakyReLU):
                start_near_identity(layer, x)
        latents = F.pad(x, (0, 0, 0, 0, 0, down[last].out_channels - x.shape[1])) * gain
        self._start_synthesis(up, bases, x, gain, mean)
        return latents

    @staticmethod
    def _start_synthesis(up: list[nn.Module], bases: list[Tensor], x: Tensor, gain: float, mean: Tensor) -> None:
        read, first = _Form(), 1 / gain
        for place, layer in enumerate(up):
            if isinstance(layer, nn.LeakyReLU):
                continue
            if not _enlarges(layer):
                start_near_identity(layer, x)
                continue
            written, basis = _form_after(up, place), bases.pop()
            room = _outputs(layer) // written.copies
            basis = basis[: x.shape[1], :room]  # the strongest directions come first
            x = F.conv_transpose2d(x[:, : len(basis)], basis, stride=2)
            kernel = read.reading(written.writing(basis.transpose(0, 1))) * first
            _begin(layer, kernel)
            read, first = written, 1.0
        _bias(layer, mean)


@dataclass(frozen=True)
class _Form:
    """How channels carry a signal: as it is, or as x and -x behind an activation with this slope below 0."""

    slope: float | None = None

    @property
    def copies(self) -> int:
        return 1 if self.slope is None else 2

    def writing(self, kernel: Tensor) -> Tensor:
        """A kernel ``(out, in, s, s)`` whose outputs have this form."""
        return kernel if self.slope is None else torch.cat([kernel, -kernel])

    def reading(self, kernel: Tensor) -> Tensor:
        """A kernel whose inputs have it."""
        return kernel if self.slope is None else torch.cat([kernel, -kernel], 1) / (1 + self.slope)


def _form_after(layers: list[nn.Module], place: int) -> _Form:
    """The form that a layer has to write: what comes before the next convolution decides."""
    for layer in layers[place + 1 :]:
        if isinstance(layer, nn.LeakyReLU):
            return _Form(layer.negative_slope)
        if isinstance(layer, nn.Conv2d) or _enlarges(layer):
            break
    return _Form()


def _basis(x: Tensor, stride: int, count: int) -> Tensor:
    """``(count, C, stride, stride)``: the KLT of blocks; without a stride what comes in goes on."""
    channels = x.shape[1]
    if stride == 1:
        return torch.eye(channels, device=x.device)[:count, :, None, None]
    rows, _ = klt(as_samples(F.pixel_unshuffle(x, stride)), min(count, channels * stride**2))
    return rows.to(x.device).reshape(-1, channels, stride, stride)


def _enlarges(layer: nn.Module) -> bool:
    return isinstance(layer, nn.ConvTranspose2d | nn.Sequential)


def _outputs(layer: nn.Module) -> int:
    return layer.out_channels if isinstance(layer, nn.ConvTranspose2d) else layer[0].out_channels // 4


def _begin(layer: nn.Module, kernel: Tensor) -> None:
    """Let a layer begin as ``kernel``, ``(out, in, s, s)``, in the middle of its own and in its first channels.

    Channels that the kernel does not need keep a little of their random start, and are read by no other.
    """
    if isinstance(layer, nn.Sequential):  # out, row and column are one axis before the shuffle
        layer, kernel = layer[0], kernel.permute(0, 2, 3, 1).flatten(0, 2)[..., None, None]
    weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
    outputs, inputs, size, _ = kernel.shape
    at = slice((weight.shape[-1] - 1) // 2, (weight.shape[-1] - 1) // 2 + size)
    weight.mul_(KEEP)
    weight[:outputs] = 0
    weight[:outputs, :inputs, at, at] = kernel
    layer.bias.zero_()


def _bias(layer: nn.Module, values: Tensor) -> None:
    """Let outputs begin with these added, ``(out,)``."""
    if isinstance(layer, nn.Sequential):
        layer, values = layer[0], values.repeat_interleave(4)
    layer.bias[: len(values)] = values


@torch.no_grad()
def start_near_identity(norm: nn.Module, signal: Tensor) -> None:
    """Let a divisive normalisation, or its inverse, begin as almost nothing for such a ``(N, C, h, w)`` signal."""
    strongest = signal.square().mean((0, 2, 3)).max().clamp(min=1)
    # ours and CompressAI's keep the square root
    norm.beta.fill_(1.0)
    norm.gamma.copy_((torch.eye(len(norm.gamma)) * BENT / strongest.cpu() + 2.0**-36).sqrt())


@torch.no_grad()
def start_scales(layer: nn.Conv2d | nn.ConvTranspose2d, scales: Tensor) -> None:
    """Let the layer that makes scales, and means after them where it has room, begin with these and with 0."""
    start_at_zero(layer)
    layer.bias[: len(scales)] = scales


@torch.no_grad()
def see_normalised(layer: nn.Conv2d, deviations: Tensor) -> None:
    """Let a layer that reads a latent begin as on one of deviations near 1, so that a first step is no leap."""
    layer.weight.div_((deviations + 0.5)[:, None, None])


@torch.no_grad()
def start_hyper(encoder: nn.Sequential, latents: Tensor, prior: nn.Module, deviation: float = 0.5) -> None:
    """Let a hyper latent begin small, around 0, under a prior that fits it: what it says is not yet of use.

    Args:
        encoder: Latent to hyper latent; its first layer sees the latent, its last makes the hyper latent.
        latents: ``(N, L, h, w)`` what it reads.
        prior: Density of the hyper latent, with a method ``start_with_deviation``.
        deviation: What the hyper latent begins with.
    """
    first, last = (layer for layer in (encoder[0], encoder[-1]))
    see_normalised(first, latents.square().mean((0, 2, 3)).sqrt())
    z = torch.cat([encoder(part) for part in latents.split(8)])
    factor = deviation / z.std((0, 2, 3)).clamp(min=1e-6)
    last.bias.copy_((last.bias - z.mean((0, 2, 3))) * factor)
    last.weight.mul_(factor[:, None, None, None])
    prior.start_with_deviation(deviation)
