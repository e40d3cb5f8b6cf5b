"""What the intra codecs may be configured to. Any of them codes the I frames of a P-frame codec."""

import math
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lvc.config.contract import ConfigError, contract
from lvc.config.light_parts import TransformConfig
from lvc.config.parts import EntropyConfig, LowDelayConfig, StagedContextConfig
from lvc.config.spec import INTRA_FRAME, Model, ModelSpec


def _spec(network: str, summary: str) -> ModelSpec:
    """An intra codec with a hyperprior; a codec that has it as a part calls it ``intra``."""
    frames, inside = {"I": INTRA_FRAME}, (("", "intra."),)
    return ModelSpec(network, summary, ("intra",), 64, frames, inside=inside, classical_start=True)


@contract
class IntraCodecConfig(Model):
    """What all intra codecs have."""

    size: Literal["full", "tiny"] = "full"
    """Name of the variant; the widths below decide."""
    entropy: EntropyConfig = EntropyConfig()
    """Quantisation and likelihood."""
    structure: LowDelayConfig = LowDelayConfig(intra_period=1)
    """Coding structure; an intra codec codes every frame alone."""
    weights: str | None = None
    """Export whose weights start this codec (`model.intra.weights=...` inside a P-frame codec)."""


@contract
class IntraCheng2020Config(IntraCodecConfig):
    """Intra codec: Cheng 2020 (anchor) without its autoregressive context model, from CompressAI's layers."""

    SPEC: ClassVar[ModelSpec] = _spec(
        "lvc.models.intra_cheng2020:IntraCheng2020", "Cheng 2020 intra codec without autoregression"
    )

    name: Literal["intra_cheng2020"]
    """Model name."""
    channels: int = Field(192, ge=8, multiple_of=2)
    """Channels of transforms and latents (N; 128 or 192 in CompressAI)."""


@contract
class IntraWindowAttentionConfig(IntraCodecConfig):
    """Intra codec of SSNVC: window attention in its transforms, channel groups and checkerboards in its latent."""

    SPEC: ClassVar[ModelSpec] = _spec(
        "lvc.models.intra_window_attention:IntraWindowAttention",
        "Intra codec with window attention and a space-channel context model",
    )

    name: Literal["intra_window_attention"]
    """Model name."""
    channels: int = Field(192, ge=16, multiple_of=16)
    """Channels of transforms and hyper latent."""
    latent_channels: int = Field(320, ge=16, multiple_of=16)
    """Channels of the latent."""
    context: StagedContextConfig = StagedContextConfig(groups=(16, 16, 32, 64, 192))
    """Passes in which the latent is coded."""

    def __post_init__(self):
        if sum(self.context.groups) != self.latent_channels:
            groups = f"{list(self.context.groups)} sum to {sum(self.context.groups)}"
            raise ConfigError("context.groups", f"{groups}, and latent_channels is {self.latent_channels}")


@contract
class IntraCheng2020AnchorConfig(IntraCheng2020Config):
    """Intra codec: Cheng 2020 (anchor) with its autoregressive context model, CompressAI's `cheng2020-anchor`."""

    SPEC: ClassVar[ModelSpec] = _spec(
        "lvc.models.intra_compressai:IntraCheng2020Anchor", "Autoregressive intra codec of CompressAI (Cheng 2020)"
    )

    name: Literal["intra_cheng2020_anchor"]
    """Model name."""


@contract
class IntraTwoWidthsConfig(IntraCodecConfig):
    """What those of CompressAI's intra codecs have whose latent has a width of its own."""

    channels: int = Field(192, ge=8, multiple_of=2)
    """Channels of transforms and hyper latent (N; 128 or 192 in CompressAI)."""
    latent_channels: int = Field(320, ge=8, multiple_of=2)
    """Channels of the latent (M; 192 or 320 in CompressAI)."""


@contract
class IntraBmshj2018Config(IntraTwoWidthsConfig):
    """Intra codec: scale hyperprior (Balle et al., ICLR 2018), CompressAI's `bmshj2018-hyperprior`."""

    SPEC: ClassVar[ModelSpec] = _spec(
        "lvc.models.intra_compressai:IntraScaleHyperprior", "Scale hyperprior intra codec of CompressAI"
    )

    name: Literal["intra_bmshj2018_hyperprior"]
    """Model name."""


@contract
class IntraMbt2018Config(IntraTwoWidthsConfig):
    """Intra codec: hyperprior and autoregression (Minnen et al., NeurIPS 2018), CompressAI's `mbt2018`."""

    SPEC: ClassVar[ModelSpec] = _spec(
        "lvc.models.intra_compressai:IntraMbt2018", "Autoregressive intra codec of CompressAI (Minnen 2018)"
    )

    name: Literal["intra_mbt2018"]
    """Model name."""


@contract
class IntraLightConfig(IntraCodecConfig):
    """Intra codec of the light codec: small, variable rate, from the KLT of its data on."""

    SPEC: ClassVar[ModelSpec] = replace(
        _spec("lvc.models.intra_light:IntraLight", "Small intra codec of our own; variable rate, shipped with weights"),
        stride=16,
        qualities=64,
    )

    name: Literal["intra_light"]
    """Model name."""
    qualities: int = Field(64, ge=1)
    """Quality indices: q is any number from 0 to one less."""
    quality: float | None = Field(None, ge=0)
    """Quality index inside a codec of a single rate; null takes the one that its lambda asks for."""
    pretrained: bool = False
    """Start from the weights that come with the package (`size=full`)."""
    transform: TransformConfig = TransformConfig()
    """The transform coder."""

    def __post_init__(self):
        if self.pretrained and self.weights:
            raise ConfigError("weights", "pretrained=true has weights already; give one or the other")
        if self.pretrained and self.transform != TransformConfig():
            raise ConfigError("transform", "has other widths than the package's weights; pretrained=false, or leave it")

    @property
    def spec(self) -> ModelSpec:
        """The model's facts with its own qualities."""
        return replace(self.SPEC, qualities=self.qualities)


INTRA_CODECS: dict[str, type] = {
    "intra_light": IntraLightConfig,
    "intra_cheng2020": IntraCheng2020Config,
    "intra_window_attention": IntraWindowAttentionConfig,
    "intra_bmshj2018_hyperprior": IntraBmshj2018Config,
    "intra_mbt2018": IntraMbt2018Config,
    "intra_cheng2020_anchor": IntraCheng2020AnchorConfig,
}
"""Every intra codec by name."""

IntraConfig = Annotated[reduce(or_, INTRA_CODECS.values()), Field(discriminator="name")]
"""The intra codec of a P-frame codec, chosen with ``model/intra=...``."""


LAMBDAS = (32.0, 6144.0)
"""Lambda of the light intra codec's lowest and highest quality, MSE of RGB in [0, 1]."""


def quality_at(lmbda: float, qualities: int) -> float:
    """The light intra codec's quality index at a lambda; the nearest one beyond its range."""
    low, high = LAMBDAS
    place = math.log(lmbda / low) / math.log(high / low)
    return round((qualities - 1) * min(1.0, max(0.0, place)), 3)


def check_intra(intra: IntraCodecConfig, colour: str) -> None:
    """Check that an intra codec hands on frames that a P-frame codec can refer to.

    Args:
        intra: The intra codec.
        colour: Colour space of the P-frame codec.

    Raises:
        ConfigError: If they code different colour spaces.
    """
    if colour != intra.spec.colour:
        fit = ", ".join(name for name, config in INTRA_CODECS.items() if colour == config.SPEC.colour)
        message = f"{intra.name} codes {intra.spec.colour} frames, and the others here are {colour}; choices are: {fit}"
        raise ConfigError("intra.name", message)
