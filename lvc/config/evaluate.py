"""An evaluation: the whole of what `evaluate.py` composes."""

from typing import Any, Literal

from pydantic import Field, field_validator

from lvc.config.adaptive_gop import AdaptiveGOPConfig
from lvc.config.contract import ConfigError, build, contract
from lvc.config.data import DatasetConfig, colour_of
from lvc.config.metrics import ASKED
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.config.programs import BinariesConfig, ProgramConfig
from lvc.config.trainer import LoggerConfig


@contract
class ProtocolConfig:
    """What is coded and what is measured. Results of unlike protocols are never compared."""

    name: str
    """Protocol name."""
    intra_period: int = Field(32, ge=-1)
    """Frames from one intra frame to the next, for every codec; -1: only the first frame of a sequence."""
    frames: int | None = Field(96, ge=1)
    """Frames of each sequence, from its first; null takes all."""
    short: Literal["refuse", "use"] = "refuse"
    """A sequence with fewer frames stops the evaluation, or is used as far as it goes."""
    metrics: tuple[Literal[ASKED], ...] = ("psnr", "ms_ssim")
    """Quality metrics: `psnr` and `ms_ssim` in RGB, and by plane where sources have planes; `vmaf` (with NEG) and
    `xpsnr` on planes, by the binary of `imageio-ffmpeg`; other packages' metrics in RGB."""

    def period(self, frames: int) -> int:
        """Frames from one intra frame to the next in a sequence of this length."""
        return frames if self.intra_period == -1 else self.intra_period

    def __post_init__(self):
        if self.intra_period == 0:
            raise ConfigError("intra_period", "is at least 1, or -1 for one intra frame alone; got 0")
        if "psnr" not in self.metrics:
            raise ConfigError("metrics", "needs 'psnr'; 'ms_ssim' may be left out")


@contract
class TraditionalConfig:
    """One encoder of the FFmpeg libraries and how it is run.

    In options `{keyint}` stands for the protocol's intra period (a large number where it is -1) and `{point}` for the
    rate point.
    """

    through: Literal["pyav", "ffmpeg"] = "pyav"
    """The libraries in the `av` package, or the binary in `imageio-ffmpeg`, which has more encoders."""
    encoder: str
    """FFmpeg's name of the encoder (libx264, libx265, libsvtav1, libvpx-vp9, ...)."""
    quality: str = "crf"
    """The encoder's option that a rate point sets (`crf`, `qp`); only a name where another option holds `{point}`."""
    points: tuple[float, ...]
    """Values of that option, one rate point each."""
    options: dict[str, str | int | float | dict[str, str | int | float]] = Field(default_factory=dict)
    """The encoder's other options; a mapping becomes `key=value:key=value`."""
    threads: int = Field(1, ge=0)
    """Encoder threads (0: the encoder chooses); x264's sliced threads cost bits, so the default is one."""
    pixels: str | None = None
    """Pixel format that it codes, made from RGB (`yuv420p`, `yuv444p`); null takes the source's own planes as they are,
    and 4:2:0 where it has only RGB."""
    filter: str | None = None
    """FFmpeg bitstream filter over the packets, e.g. to drop the text an encoder writes about itself."""

    def __post_init__(self):
        if not self.points:
            raise ConfigError("points", "needs at least one value")


@contract
class BDRateConfig:
    """How curves are compared."""

    anchor: str = "x265"
    """The curve that BD-rates are relative to."""
    methods: tuple[Literal["akima", "cubic", "pchip"], ...] = ("akima", "cubic", "pchip")
    """Interpolations; the first is the one shown per sequence."""

    def __post_init__(self):
        if not self.methods:
            raise ConfigError("methods", "needs at least one of akima, cubic, pchip")


@contract
class EvaluateConfig:
    """An evaluation of exports and traditional codecs on one data set."""

    exports: tuple[str, ...] = ()
    """Export files, as paths or globs; each entry's files are rate points."""
    qualities: tuple[float, ...] = ()
    """Quality indices at which variable-rate exports are coded, one rate point each; empty takes six of them,
    from the lowest to the highest."""
    motion_resolution: MotionResolutionConfig = MotionResolutionConfig()
    """Resolution of motion while encoding, for every export; `search: none` leaves it to each."""
    structure: AdaptiveGOPConfig = AdaptiveGOPConfig()
    """Groups of frames by content while encoding, for every export; `adaptive: false` leaves it to each."""
    labels: tuple[str, ...] = ()
    """A curve's name for each entry of `exports`; empty names curves by model and size."""
    dataset: DatasetConfig
    """Sequences."""
    protocol: ProtocolConfig
    """What is coded and measured."""
    codecs: tuple[str, ...] = ("x264", "x265")
    """Traditional codecs to run, by their names in `traditional` and `programs`."""
    preset: str = "veryslow"
    """Preset that the table gives x264 and x265."""
    traditional: dict[str, TraditionalConfig] = Field(default_factory=dict)
    """Traditional codecs of FFmpeg by name."""
    binaries: BinariesConfig = BinariesConfig()
    """Folders of reference software."""
    programs: dict[str, ProgramConfig] = Field(default_factory=dict)
    """Traditional codecs that are programs, by name."""
    records: tuple[str, ...] = ()
    """Folders of records measured earlier under the same protocol, to show beside."""
    curves: tuple[str, ...] = ()
    """CSV or JSON files of curves that others measured, to show beside (docs/evaluation.md)."""
    bdrate: BDRateConfig = BDRateConfig()
    """How curves are compared."""
    output: str
    """Folder of records, tables, plots and the report."""
    reuse: bool = True
    """Take results that `output` already holds for the same codec, sequence and protocol."""
    jobs: int = Field(1, ge=1)
    """Traditional codecs measured at a time; times of encoding and decoding are only comparable with 1."""
    keep_streams: bool = False
    """Keep the bitstreams."""
    device: str = "cpu"
    """Where learned codecs run (cpu, cuda)."""
    threads: int | None = Field(None, ge=1)
    """CPU threads for torch; null leaves the default."""
    logger: LoggerConfig = LoggerConfig(csv=False)
    """Where results go beside `output` (`logger=wandb`)."""

    @field_validator("exports", "labels", "codecs", "records", "curves", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """One string is a list of one."""
        return [value] if isinstance(value, str) else value

    def __post_init__(self):
        if not self.exports and not self.codecs and not self.records:
            raise ConfigError("exports", "names nothing to evaluate: give exports, codecs or records")
        if self.logger.tensorboard:
            raise ConfigError("logger.tensorboard", "results of an evaluation go to wandb alone: logger=wandb")
        if colour_of(self.dataset) != "rgb":
            raise ConfigError("dataset.colour", "is rgb in an evaluation, which measures RGB frames")
        if self.labels and len(self.labels) != len(self.exports):
            raise ConfigError("labels", f"has {len(self.labels)} names for {len(self.exports)} entries of exports")
        for codec in self.codecs:
            if codec not in self.traditional and codec not in self.programs:
                choices = ", ".join([*self.traditional, *self.programs]) or "none"
                raise ConfigError("codecs", f"'{codec}' is not in traditional; choices are: {choices}")
            if codec in self.programs and not self.programs[codec].folder:
                binary = self.programs[codec].binary
                raise ConfigError(
                    f"binaries.{binary}", f"is not set: name the folder of {self.programs[codec].version}"
                )


def build_evaluation(data: dict[str, Any]) -> EvaluateConfig:
    """Build and check an evaluation from the composed configuration as plain containers.

    Raises:
        ConfigError: Naming the option, in one line.
    """
    return build(EvaluateConfig, data)
