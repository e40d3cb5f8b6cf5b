"""What the rest of lvc has to know of a model, said once beside the model's configuration. Torch-free.

A plan's checks, the codec that is built, its structure, the command line and the pages about it ask this record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal


@dataclass(frozen=True)
class FrameKind:
    """A kind of frame, as packets carry it.

    Attributes:
        parts: The parts that code such a frame, directly or through other frames of its group.
        streams: The streams that it writes, in coding order.
        intra: Whether it refers to no other frame.
    """

    parts: tuple[str, ...]
    streams: tuple[str, ...]
    intra: bool = False


@dataclass(frozen=True)
class MotionSpec:
    """Motion that predicts the frame in pixels: stages may weigh the prediction, and train motion alone.

    Attributes:
        streams: The streams of motion.
        distortions: What a stage may weigh of motion beside ``prediction``.
        variants: Ways to code motion at another resolution (:class:`lvc.motion.resolution.MotionScale`).
    """

    streams: tuple[str, ...]
    distortions: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSpec:
    """A model's facts.

    Attributes:
        network: What is built from the configuration, as ``module:Class``.
        summary: One line for lists of models.
        parts: What a stage may train, by name. Together they hold every parameter once.
        kinds: The kinds of frames by name; none for a network that codes nothing.
        stride: Frame sides are padded to multiples of this at the codec's edge; crops are multiples of it.
        intra: Parts that code a frame by itself: those that a clip of one frame can train.
        motion: Motion that predicts the frame in pixels, where there is any.
        distortions: What a stage may weigh beside ``frame`` and what `motion` has.
        colour: Channels that frames have.
        qualities: Quality indices of a variable-rate codec: q is any number from 0 to one less; ``None`` has one rate.
        spatial_levels: Times that the decoded picture can be halved by leaving out the last layers of every packet.
        task: What it is trained for, which says how.
        use: For a network that codes nothing: what it is, and where it is used.
        pyramid: Whether its weights fit flow networks of other numbers of levels.
        inside: Where a codec with this network as a part keeps its weights: pairs of a prefix here and one there.
        classical_start: Whether a stage may begin from statistics of its data (the action `statistics`).
    """

    network: str
    summary: str
    parts: tuple[str, ...]
    stride: int
    kinds: Mapping[str, FrameKind] = field(default_factory=dict)
    intra: tuple[str, ...] = ("intra",)
    motion: MotionSpec | None = None
    distortions: tuple[str, ...] = ()
    colour: Literal["rgb", "luma"] = "rgb"
    qualities: int | None = None
    spatial_levels: int = 0
    task: Literal["codec", "flow", "classifier"] = "codec"
    use: str = ""
    pyramid: bool = False
    inside: tuple[tuple[str, str], ...] = ()
    classical_start: bool = False

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams whose bits a stage may weigh."""
        return tuple(dict.fromkeys(stream for kind in self.kinds.values() for stream in kind.streams))

    @property
    def terms(self) -> tuple[str, ...]:
        """The distortions that a stage may weigh."""
        predicted = () if self.motion is None else ("prediction", *self.motion.distortions)
        return ("frame", *predicted, *self.distortions)

    @property
    def motion_variants(self) -> tuple[str, ...]:
        """Ways to code motion at another resolution."""
        return () if self.motion is None else self.motion.variants

    @property
    def variable_rate(self) -> bool:
        """Whether there is more than one quality."""
        return self.qualities is not None and self.qualities > 1

    def motion_only(self, terms: set[str], streams: set[str]) -> bool:
        """Whether a loss over these distortions and streams asks for nothing beyond motion."""
        if self.motion is None or not terms:
            return False
        return terms <= {"prediction", *self.motion.distortions} and streams <= set(self.motion.streams)


class Model:
    """A model's configuration: a contract with fields ``name`` and ``size``, and this model's spec."""

    SPEC: ClassVar[ModelSpec]

    @property
    def spec(self) -> ModelSpec:
        """:attr:`SPEC`, as far as options change it."""
        return self.SPEC


def p_frame_kinds(parts: tuple[str, ...], streams: tuple[str, ...]) -> dict[str, FrameKind]:
    """The kinds of a P-frame codec over a hyperprior intra codec."""
    return {"I": INTRA_FRAME, "P": FrameKind(parts, streams)}


def b_frame_kinds(parts: tuple[str, ...], streams: tuple[str, ...]) -> dict[str, FrameKind]:
    """The kinds of a codec of hierarchical B frames over a hyperprior intra codec."""
    return {"I": INTRA_FRAME, **{kind: FrameKind(parts, streams) for kind in ("P", "B", "b")}}


INTRA_FRAME = FrameKind(("intra",), ("intra_hyper", "intra"), intra=True)
"""A frame that an intra codec with a hyperprior codes."""
