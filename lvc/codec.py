"""What every codec and every coding structure is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from lvc.bitstream.packet import Packet
from lvc.config.spec import Model, ModelSpec
from lvc.entropy.streams import SymbolStream
from lvc.errors import UserError
from lvc.jobs import ClipCoding, EncodedFrame, FrameCoding, FrameJob, Rate, Unrolling
from lvc.layers.padding import pad, padded_size

__all__ = [
    "ClipCoding",
    "CodingStructure",
    "EncodedFrame",
    "FrameCoding",
    "FrameJob",
    "Rate",
    "Unrolling",
    "VideoCodec",
]

PLAIN = Unrolling()
"""Neighbouring frames, attached to each other."""


class VideoCodec(nn.Module, ABC):
    """A codec: networks that code one frame, and the structure that orders frames and keeps their state.

    A codec implements :meth:`code_frame` once. Training, rate estimation, encoding and decoding all run it; what
    differs is the symbol stream it is given.

    Args:
        config: The model's configuration.

    Attributes:
        spec: What the configuration says of the model: its parts, kinds of frames, stride and so on. A codec whose
            motion has variants heeds the ``scale`` of a job, and has a method ``warped``.
        structure: The coding structure that the configuration asks for. Coding with another one leaves this as it is.
    """

    structure: "CodingStructure"

    border: tuple[float, ...] | None = None
    """RGB that frames are padded with at the codec's edge; ``None`` replicates their border."""

    def __init__(self, config: Model):
        super().__init__()
        self.spec = config.spec

    @property
    def stride(self) -> int:
        """Frame sides are padded to multiples of this at the codec's edge."""
        return self.spec.stride

    @property
    @abstractmethod
    def parts(self) -> dict[str, list[nn.Module]]:
        """What a stage may train, by name. Together they hold every parameter, each once."""

    @abstractmethod
    def code_frame(self, job: FrameJob) -> FrameCoding:
        """Code one frame."""

    def multiple(self, factor: int = 1) -> int:
        """What sides of coded frames are multiples of, with motion at 1 / ``factor`` of their size."""
        return self.stride

    def pad(self, frame: Tensor, factor: int = 1) -> Tensor:
        """``(B, 3, H, W)`` of any size as it is coded, with motion at 1 / ``factor`` of the size."""
        return pad(frame, self.multiple(factor), self.border)

    def padded_size(self, size: tuple[int, int], factor: int = 1) -> tuple[int, int]:
        """``(H, W)`` of :meth:`pad`'s result for frames of ``size``."""
        return padded_size(size, self.multiple(factor))

    def prepared(self, state: Any) -> Any:
        """Precompute whatever repeated codings of one frame can share, and return the extended reference state."""
        return state

    def trains(self, kind: str) -> bool:
        """Whether coding a frame of this kind uses anything that is being trained."""
        modules = (m for name in self.spec.kinds[kind].parts for m in self.parts[name])
        return any(p.requires_grad for m in modules for p in m.parameters())

    def forward(self, clip: Tensor, rate: Rate, stream: SymbolStream) -> ClipCoding:
        """Code ``(B, T, 3, H, W)`` as one group of pictures and return all its frames' codings."""
        codings = self.structure.unroll(self, clip, rate, stream)
        return ClipCoding.stack(sorted(codings, key=lambda coding: coding.index))

    def encode(self, frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, H, W)`` frames in [0, 1]; memory does not grow with their number."""
        return self.structure.encode(self, frames, rate)

    def decode(self, packets: Iterable[Packet], size: tuple[int, int], rate: Rate) -> Iterator[Tensor]:
        """Decode packets to ``(1, 3, H, W)`` frames in [0, 1], in display order; ``size`` is the video's ``(H, W)``."""
        return self.structure.decode(self, packets, size, rate)

    def start_from(self, clips: Tensor, lambdas: tuple[float, float]) -> None:
        """Begin as a classical codec: transforms, steps and scales measured on data (the action `statistics`).

        Args:
            clips: ``(N, T, 3, H, W)`` in [0, 1], sides multiples of :attr:`stride`.
            lambdas: Weight of the distortion at the lowest and the highest quality.

        Raises:
            UserError: The codec has no such start.
        """
        raise UserError(f"{type(self).__name__} has no classical start")

    def describe(self) -> dict[str, tuple[int, int]]:
        """Facts for ``python -m lvc summary``: latent names and their ``(channels, downsampling)``."""
        return {}


class Choice(Protocol):
    """What an encoder decides frame by frame or group by group, and tells a decoder.

    Attributes:
        lmbda: Weight of the distortion where costs are compared, ``None`` for that of the rate point.
        compares_costs: Whether it needs one.
        option: What messages call the choice.
        instead: What a user may do where no lambda is known.
    """

    lmbda: float | None
    compares_costs: bool
    option: str
    instead: str


class CodingStructure(ABC):
    """The order in which frames are coded, what they refer to, and what is kept between them.

    A structure is never changed: the methods that begin with ``with_`` return another one.

    Attributes:
        references: Decoded frames that a predicted frame refers to.
        by_distance: Whether frames that are further apart are coded otherwise (``distance`` of :meth:`unroll`).
        by_frame: Whether every frame may have a quality of its own.
        choice: What its encoder decides while it codes, where it decides anything.
    """

    references: ClassVar[int]
    by_distance: ClassVar[bool] = False
    by_frame: ClassVar[bool] = False
    choice: Choice | None = None

    @abstractmethod
    def kind(self, index: int) -> str:
        """Kind of the frame at display ``index`` of a long video."""

    def kinds(self, frames: int) -> list[str]:
        """Kinds of the frames of a training clip, in coding order."""
        return [self.kind(index) for index in range(frames)]

    @abstractmethod
    def unroll(
        self, codec: VideoCodec, clip: Tensor, rate: Rate, stream: SymbolStream, how: Unrolling = PLAIN
    ) -> Iterator[FrameCoding]:
        """Code ``(B, T, 3, H, W)`` frame by frame as one clip.

        Args:
            codec: The codec.
            clip: Frames in [0, 1], sides multiples of the codec's stride.
            rate: The rate point.
            stream: An estimating stream.
            how: What training asks for.

        Yields:
            Codings in coding order, each with its display index.
        """

    @abstractmethod
    def encode(self, codec: VideoCodec, frames: Iterable[Tensor], rate: Rate) -> Iterator[EncodedFrame]:
        """Encode ``(1, 3, h, w)`` frames of any size, in coding order."""

    @abstractmethod
    def decode(
        self, codec: VideoCodec, packets: Iterable[Packet], size: tuple[int, int], rate: Rate
    ) -> Iterator[Tensor]:
        """Decode packets to ``(1, 3, h, w)`` frames of ``size``, in display order.

        Raises:
            BitstreamError: After the last frame that can be decoded.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Name, parameters and choice, as a bitstream's header says them."""

    @abstractmethod
    def with_intra_period(self, intra_period: int) -> "CodingStructure":
        """The same structure with another intra period.

        Raises:
            UserError: If it cannot have that one.
        """

    @abstractmethod
    def with_choice(self, config: Any, model: Model) -> "CodingStructure":
        """The same structure with the choice that ``config``, one of ``lvc.config``, asks a model's encoder for.

        Raises:
            UserError: If the structure or the model knows no such choice.
        """

    @abstractmethod
    def of_header(self, described: Mapping[str, Any], spec: ModelSpec) -> "CodingStructure":
        """The structure to decode with what :meth:`describe` said.

        Raises:
            BitstreamError: If it asks for what there is not, or what the model does not know.
        """

    def compile(self, codec: VideoCodec) -> None:
        """Compile what :meth:`unroll` runs of a codec."""
        codec.code_frame = torch.compile(codec.code_frame)

    @staticmethod
    def temporal_levels(described: Mapping[str, Any]) -> int:
        """How often the frame rate can be halved by leaving out packets, of a stream that is so described."""
        return 0
