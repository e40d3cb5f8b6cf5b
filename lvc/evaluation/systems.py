"""What is evaluated: every rate point of every codec, learned or traditional, as one kind of job."""

import glob
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lvc.config.contract import ConfigError
from lvc.config.evaluate import EvaluateConfig, TraditionalConfig
from lvc.config.motion_resolution import MotionResolutionConfig
from lvc.config.programs import ProgramConfig
from lvc.datasets.sequences import Source
from lvc.errors import UserError
from lvc.evaluation.measure import Measurement

CURVE_POINTS = 6
"""Quality indices at which a variable-rate export is coded where none are asked for."""


@dataclass(frozen=True, eq=False)
class System:
    """One rate point of one codec.

    Attributes:
        codec: Name of its curve.
        point: Name of the rate point on the curve.
        name: Name for files.
        settings: All that decides its bitstream.
        facts: What else a record should say.
        suffix: Suffix of its bitstreams.
        measure: Codes a source into a file and measures it.
    """

    codec: str
    point: str
    name: str
    settings: dict[str, Any]
    facts: dict[str, Any]
    suffix: str
    measure: Callable[[Source, Path], Measurement]


def find_systems(config: EvaluateConfig) -> list[System]:
    """Learned codecs first, then traditional ones, each in the order given.

    Raises:
        UserError: For an entry of `exports` that names no file, or one that is no export.
    """
    return [*_learned(config), *_traditional(config)]


def _traditional(config: EvaluateConfig) -> list[System]:
    systems = []
    for codec in config.codecs:
        if codec in config.traditional:
            table = config.traditional[codec]
            systems += [_encoder(codec, table, value, config) for value in table.points]
        else:
            program = config.programs[codec]
            systems += [_program(codec, program, value, config) for value in program.points]
    return systems


def _encoder(codec: str, table: TraditionalConfig, value: float, config: EvaluateConfig) -> System:
    from lvc.evaluation.traditional import describe_codec, measure_traditional

    point = f"{table.quality}={value:g}"
    return System(
        codec=codec,
        point=point,
        name=f"{codec}-{point}",
        settings=describe_codec(table, value, config.protocol),
        facts={},
        suffix=".mkv",
        measure=lambda source, target: measure_traditional(table, value, source, config.protocol, target),
    )


def _program(codec: str, table: ProgramConfig, value: float, config: EvaluateConfig) -> System:
    from lvc.evaluation.program import describe_program, measure_program

    point = f"{table.quality}={value:g}"
    return System(
        codec=codec,
        point=point,
        name=f"{codec}-{point}",
        settings=describe_program(table, value, config.protocol),
        facts={"folder": table.folder},
        suffix=".bin",
        measure=lambda source, target: measure_program(table, value, source, config.protocol, target),
    )


def _learned(config: EvaluateConfig) -> list[System]:
    systems, seen = [], {}
    for number, entry in enumerate(config.exports):
        for path in _files(entry):
            model, facts, settings = _describe(path)
            codec = config.labels[number] if config.labels else _name(facts, config)
            _check_one_system(codec, path, model, seen)
            for q in _qualities(facts, config):
                point = _point(facts, settings, q, {s.point for s in systems if s.codec == codec})
                systems.append(_export(codec, point, path, facts, settings, q, config))
    return systems


def _name(facts: dict[str, Any], config: EvaluateConfig) -> str:
    name, resolution = facts["name"], config.motion_resolution
    if resolution.search != "none":
        name = f"{name}-omra-{resolution.search}"
    return f"{name}-ca-{config.structure.search}" if config.structure.adaptive else name


def _qualities(facts: dict[str, Any], config: EvaluateConfig) -> tuple[float | None, ...]:
    """Quality indices to code an export at; ``None`` for one with a single rate."""
    count = facts["qualities"]
    if count is None:
        return (None,)
    for q in config.qualities:
        if not 0 <= q <= count - 1:
            raise UserError(f"qualities: {facts['path']} has 0 to {count - 1}, got {q:g}")
    return config.qualities or default_qualities(count)


def default_qualities(count: int) -> tuple[float, ...]:
    """Quality indices of a curve: six from the lowest to the highest, as pMCTF-L's evaluation takes of its 21."""
    points = min(CURVE_POINTS, count)
    return tuple(float(round(i * (count - 1) / max(points - 1, 1))) for i in range(points))


def _export(
    codec: str, point: str, path: Path, facts: dict, settings: dict, q: float | None, config: EvaluateConfig
) -> System:
    from lvc.coding.settings import EncodeOptions
    from lvc.evaluation.learned import measure_learned

    resolution = None if config.motion_resolution.search == "none" else config.motion_resolution
    if resolution is not None:
        settings = {**settings, "motion_resolution": _search(resolution)}
    adaptive = config.structure if config.structure.adaptive else None
    if adaptive is not None:
        settings = {**settings, "structure": asdict(adaptive)}
    options = EncodeOptions(q=q, resolution=resolution, adaptive=adaptive)
    return System(
        codec=codec,
        point=point,
        name=f"{facts['name']}-{point}",
        settings=settings if q is None else {**settings, "q": q},
        facts={"export": facts, "device": config.device},
        suffix=".lvc",
        measure=lambda source, target: measure_learned(path, source, config.protocol, target, config.device, options),
    )


def _search(resolution: MotionResolutionConfig) -> dict[str, Any]:
    """What decides a search's choices: a classifier by its digest, not by where it lies.

    Raises:
        ConfigError: If there is no such export.
    """
    from lvc.export import read_export

    settings = asdict(resolution)
    if resolution.classifier is not None:
        try:
            settings["classifier"] = read_export(resolution.classifier)[1]
        except UserError as error:
            raise ConfigError("motion_resolution.classifier", str(error)) from None
    return settings


def _files(entry: str) -> list[Path]:
    """The files of one entry of `exports`; a folder stands for the `codec.safetensors` in it.

    Raises:
        UserError: When there are none.
    """
    paths = [Path(name) for name in sorted(glob.glob(entry, recursive=True))] or [Path(entry)]
    paths = [path / "codec.safetensors" if path.is_dir() else path for path in paths]
    for path in paths:
        if not path.is_file():
            what = f"no file matches '{entry}'" if glob.has_magic(entry) else f"no export at {path}"
            raise UserError(f"exports: {what}")
    return paths


def _describe(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """An export's model configuration, facts about it, and what identifies it."""
    from lvc.export import load_export, training_loss

    export = load_export(path)
    loss = training_loss(export.info.get("provenance") or {})
    metric = loss.get("metric", "mse")
    name = "-".join([export.info["model"], export.info["size"]] + ([metric] if metric != "mse" else []))
    facts = {"name": name, "path": str(path), "lmbda": loss.get("lmbda"), "metric": metric}
    facts["qualities"] = export.codec.spec.qualities
    settings = {"kind": "learned", "model": export.info["model"], "digest": export.info["digest"]}
    return asdict(export.config), facts, settings


def _point(facts: dict[str, Any], settings: dict[str, Any], q: float | None, taken: set[str]) -> str:
    digest = settings["digest"][:8]
    if facts["lmbda"] is None and q is None:
        return digest
    point = f"lambda={facts['lmbda']:g}" if q is None else f"q={q:g}"
    return f"{point} {digest}" if point in taken else point


def _check_one_system(codec: str, path: Path, model: dict[str, Any], seen: dict[str, Any]) -> None:
    """Rate points of one curve differ in weights, not in what the model is."""
    first_path, first = seen.setdefault(codec, (path, model))
    option = _difference(first, model)
    if option:
        raise UserError(
            f"exports: {first_path} and {path} would both be '{codec}' but differ in model.{option}; "
            "give each its own entry in exports and labels"
        )


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str | None:
    """Key of the first option, starting weights apart, in which two models differ."""
    for name in one.keys() | other.keys():
        left, right = one.get(name), other.get(name)
        if isinstance(left, dict) and isinstance(right, dict):
            inner = _difference(left, right)
            if inner:
                return f"{name}.{inner}"
        elif name not in ("weights", "pretrained") and left != right:
            return name
    return None
