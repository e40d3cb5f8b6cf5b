"""Symbol streams: what a codec talks to, whether it is trained, estimated, encoding or decoding."""

import math
from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lvc.bitstream.packet import join_layers, split_layers
from lvc.entropy.coder import (
    LIMIT,
    RangeDecoder,
    RangeEncoder,
    decode_choice,
    decode_symbols,
    encode_choice,
    encode_symbols,
)
from lvc.entropy.priors import Prior
from lvc.errors import BitstreamError

_OUT_OF_STEP = "decoder out of step with the encoder: decode with the build and kind of device that encoded"


class SymbolStream(ABC):
    """Where a codec's symbols go to or come from.

    Attributes:
        reads: True where symbols are read: then encoder-only networks do not run, and ``y`` is None.
        training: True where stand-ins for rounding train networks: then a latent need not be coded element by element.
        keep_maps: Keep where bits were spent.
        maps: ``(B, 1, h, w)`` bits by stream name, summed over channels, if kept.
    """

    reads = False
    training = False

    def __init__(self, keep_maps: bool = False):
        self.keep_maps = keep_maps
        self.maps: dict[str, Tensor] = {}

    def layer(self) -> bool:
        """Begin a layer: a piece of the payload that can be cut off with all that follow it.

        Returns:
            False where the layer is missing: then a codec stops there.
        """
        return True

    def choose(self, option: int | None, count: int) -> tuple[int, Tensor]:
        """Tell a decoder which of ``count`` equally likely options was taken.

        Args:
            option: Its number, ``None`` when reading.
            count: Number of options; nothing is written for a single one.

        Returns:
            The option, and its bits ``(1,)``: 0 where they were read.
        """
        return option, torch.tensor([math.log2(count)])

    @abstractmethod
    def code(self, name: str, y: Tensor | None, prior: Prior) -> tuple[Tensor, Tensor]:
        """Code one latent.

        Args:
            name: Stream name, for the bits' account.
            y: ``(B, C, h, w)`` latent, ``None`` when reading.
            prior: Its distribution.

        Returns:
            The decoded latent in float32, contiguous, and its bits ``(B,)``.
        """


class Estimate(SymbolStream):
    """Quantise without a channel and count the bits the distributions promise.

    Args:
        training: Differentiable stand-ins for rounding; otherwise round.
        quantization: In training: ``mixed`` decodes straight-through rounded latents and rates noisy ones, ``noise``
            adds the same uniform noise for both, ``straight_through`` rounds for both.
        keep_maps: Keep where bits were spent.
    """

    def __init__(
        self,
        training: bool,
        quantization: Literal["mixed", "noise", "straight_through"] = "mixed",
        keep_maps: bool = False,
    ):
        super().__init__(keep_maps)
        self.training, self.quantization = training, quantization

    def code(self, name: str, y: Tensor, prior: Prior) -> tuple[Tensor, Tensor]:
        residual = y.float() - prior.means
        if not self.training:
            decoded = rated = residual.round().clamp(-LIMIT, LIMIT)
        elif self.quantization == "noise":
            decoded = rated = residual + torch.empty_like(residual).uniform_(-0.5, 0.5)
        else:
            decoded = residual + (residual.round() - residual).detach()
            noise = torch.empty_like(residual).uniform_(-0.5, 0.5) if self.quantization == "mixed" else None
            rated = decoded if noise is None else residual + noise
        bits = prior.bits(rated)
        if self.keep_maps:
            self.maps[name] = bits.detach().sum(1, keepdim=True)
        return decoded + prior.means, bits.flatten(1).sum(1)


class Write(SymbolStream):
    """Round and write to one range-coded payload. One picture at a time."""

    def __init__(self):
        super().__init__()
        self._encoder, self._counted = RangeEncoder(), 0.0
        self._layers: list[RangeEncoder] = []

    def layer(self) -> bool:
        self._encoder, self._counted = RangeEncoder(), 0.0
        self._layers.append(self._encoder)
        return True

    def code(self, name: str, y: Tensor, prior: Prior) -> tuple[Tensor, Tensor]:
        symbols = (y.float() - prior.means).round_().clamp_(-LIMIT, LIMIT).cpu().numpy()
        if len(symbols) != 1 or np.isnan(symbols.sum()):
            raise ValueError(f"stream '{name}': writing takes one latent without NaN, got shape {tuple(y.shape)}")
        symbols = symbols.astype(np.int32)
        encode_symbols(self._encoder, symbols, prior.index(), prior.model.tables)
        written = self._encoder.num_bits() - self._counted
        self._counted += written
        return _decoded(symbols, prior), torch.tensor([written], dtype=torch.float32)

    def choose(self, option: int, count: int) -> tuple[int, Tensor]:
        if count > 1:
            encode_choice(self._encoder, option, count)
        # the coder counts whole words, most of which belong to what follows
        self._counted += math.log2(count)
        return super().choose(option, count)

    def payload(self) -> bytes:
        """All that was written."""
        if self._layers:
            return join_layers([_bytes(encoder) for encoder in self._layers])
        return _bytes(self._encoder)


class Read(SymbolStream):
    """Read back what :class:`Write` wrote.

    Args:
        payload: Bytes of one packet, already verified by its checksum.

    Raises:
        BitstreamError: If the payload is no whole number of coder words.
    """

    reads = True

    def __init__(self, payload: bytes):
        super().__init__()
        self._payload, self._decoder, self._layers = payload, None, None

    def layer(self) -> bool:
        """See :meth:`SymbolStream.layer`.

        Raises:
            BitstreamError: If the layer before did not end where its symbols did, or the payload has no whole layers.
        """
        if self._layers is None:
            self._layers = iter(split_layers(self._payload))
        self.finish()
        layer = next(self._layers, None)
        self._decoder = None if layer is None else _decoder(layer)
        return layer is not None

    def code(self, name: str, y: None, prior: Prior) -> tuple[Tensor, Tensor]:
        if self._decoder is None:
            self._decoder = _decoder(self._payload)
        try:
            symbols = decode_symbols(self._decoder, prior.index(), prior.model.tables)
        except AssertionError:  # how constriction says that the data cannot come from this model
            raise BitstreamError(_OUT_OF_STEP) from None
        return _decoded(symbols, prior), torch.zeros(1)

    def choose(self, option: None, count: int) -> tuple[int, Tensor]:
        if count == 1:
            return 0, torch.zeros(1)
        if self._decoder is None:
            self._decoder = _decoder(self._payload)
        return decode_choice(self._decoder, count), torch.zeros(1)

    def finish(self) -> None:
        """Check that the payload ended where the symbols did.

        Raises:
            BitstreamError: If it did not: the decoder's networks computed something else than the encoder's.
        """
        if self._decoder is not None and not self._decoder.maybe_exhausted():
            raise BitstreamError(_OUT_OF_STEP)


def _bytes(encoder: RangeEncoder) -> bytes:
    return encoder.get_compressed().astype("<u4").tobytes()


def _decoder(payload: bytes) -> RangeDecoder:
    if len(payload) % 4:
        raise BitstreamError(f"payload of {len(payload)} bytes is no multiple of 4: not written by lvc")
    return RangeDecoder(np.frombuffer(payload, "<u4").astype(np.uint32))


def _decoded(symbols: np.ndarray, prior: Prior) -> Tensor:
    # one memory layout on both sides: networks may compute differently in another
    residual = torch.from_numpy(np.ascontiguousarray(symbols, np.float32)).to(prior.means.device)
    return (residual + prior.means).contiguous()
