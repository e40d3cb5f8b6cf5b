"""The hyper latent that both sides know before a latent is coded (Balle et al., ICLR 2018)."""

from collections.abc import Callable

from torch import Tensor

from lvc.entropy.priors import ChannelModel
from lvc.entropy.streams import SymbolStream
from lvc.layers.conv import full_precision


def code_hyper(
    name: str,
    y: Tensor | None,
    shape: tuple[int, int, int],
    encoder: Callable[[Tensor], Tensor],
    decoder: Callable[[Tensor], Tensor],
    prior: ChannelModel,
    stream: SymbolStream,
) -> tuple[Tensor, Tensor]:
    """Code the hyper latent of ``y`` and decode what it says of ``y``.

    Args:
        name: Stream name of the hyper latent.
        y: ``(B, C, h, w)`` latent, ``None`` when reading.
        shape: Batch, height and width of the hyper latent.
        encoder: From the latent to the hyper latent; runs where symbols are written.
        decoder: From the hyper latent to entropy parameters.
        prior: Density of the hyper latent.
        stream: Where symbols go to or come from.

    Returns:
        Entropy parameters ``(B, P, h, w)`` in float32, and the hyper latent's bits ``(B,)``.
    """
    batch, height, width = shape
    z = None if stream.reads else encoder(y)
    z_hat, bits = stream.code(name, z, prior((batch, prior.channels, height, width)))
    with full_precision(z_hat):
        return decoder(z_hat), bits
