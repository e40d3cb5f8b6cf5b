"""Runs as rate-distortion curves: members that differ in lambda alone are points of one."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lvc.config.metrics import METRICS
from lvc.curves.bdrate import Delta, bd_psnr, bd_rate, rate_difference
from lvc.curves.curve import Curve
from lvc.sweeps.runs import RunRecord
from lvc.training.identity import differing

_NAMES = re.compile(r"^(name|dir|export)$")
_RATE = re.compile(r"(^|\.)(lmbda|mse_lmbda|ms_ssim_lmbda)$")
_START = re.compile(r"^init_from$|\.weights$|\.pretrained$|\.on_enter\..*\.path$")
"""What a rate point starts from: each point of a curve may have an export of its own."""


@dataclass(frozen=True)
class Member:
    """A run and the curve it is a point of.

    Attributes:
        run: The run.
        curve: Name of its curve.
        setting: What its validation measured, as text: figures of unlike settings are not compared.
    """

    run: RunRecord
    curve: str
    setting: str

    @property
    def point(self) -> str:
        """Name of the rate point."""
        return f"lambda={self.run.lmbda:g}" if self.run.lmbda is not None else self.run.folder.name


def group(runs: Iterable[RunRecord]) -> list[Member]:
    """Put every run on a curve, and name the curves."""
    groups: list[list[RunRecord]] = []
    for run in runs:
        home = next((g for g in groups if _belongs(run, g)), None)
        groups.append([run]) if home is None else home.append(run)
    members, taken = [], set()
    for runs_of_curve in groups:
        name, number = _name(runs_of_curve[0]), 2
        while name in taken:
            name, number = f"{_name(runs_of_curve[0])} ({number})", number + 1
        taken.add(name)
        in_order = sorted(runs_of_curve, key=lambda run: run.lmbda or 0)
        members += [Member(run, name, setting(run)) for run in in_order]
    return members


def _belongs(run: RunRecord, curve: Sequence[RunRecord]) -> bool:
    if not run.config or not curve[0].config or setting(run) != setting(curve[0]):
        return False
    if any(run.lmbda == other.lmbda for other in curve):
        return False
    different = differing(curve[0].config, run.config)
    if "init_from" in different:  # a rate point that goes on from its neighbour's export has a shorter plan
        different = [key for key in different if not key.startswith("schedule.")]
    return all(_NAMES.search(key) or _RATE.search(key) or _START.search(key) for key in different)


def _name(run: RunRecord) -> str:
    """The run's name without its lambda."""
    if run.lmbda is None:
        return run.name
    value = re.escape(f"{run.lmbda:g}")
    shorter = re.sub(rf"(^|[-_/,])(loss\.lmbda=)?{value}(?=$|[-_/,])", "", run.name)
    return shorter.strip("-_/,") or run.name


def setting(run: RunRecord) -> str:
    """What a run's validation measured: clips, frames and the metric of its loss."""
    config = run.config
    if not config:
        return ""
    trainer = {key: config["trainer"].get(key) for key in ("validation_frames", "validation_clips")}
    clips = config.get("validation") or config["dataset"]
    return json.dumps([clips, trainer, config["model"].get("structure")], sort_keys=True)


def curve(members: Iterable[Member], metric: str) -> Curve:
    """The members' newest validation points; those that have none yet, or not this metric, are left out."""
    scale = METRICS[metric].scale
    chosen = [m for m in members if {"val/bpp", f"val/{metric}"} <= m.run.figures.keys()]
    return Curve.of([(m.run.figures["val/bpp"], scale(m.run.figures[f"val/{metric}"]), m.point) for m in chosen])


def anchors(runs: Iterable[RunRecord]) -> dict[str, Curve]:
    """Recorded curves that the runs were told to compare with (PSNR)."""
    found: dict[str, Curve] = {}
    for run in runs:
        anchor: dict[str, Any] = run.config.get("anchor") or {}
        if anchor.get("bpp"):
            found[anchor["name"]] = Curve.of([(*pair, "") for pair in zip(anchor["bpp"], anchor["psnr"], strict=True)])
    return found


def compare(one: Curve, anchor: Curve) -> tuple[Delta, Delta]:
    """BD-rate in percent and BD gain in dB; where points are too few, the points' rate difference."""
    four = (one.bpp, one.quality, anchor.bpp, anchor.quality)
    rate, gain = bd_rate(*four), bd_psnr(*four)
    if rate.value is None and one.bpp:
        value = rate_difference(*four)
        if value == value:  # a number
            rate = Delta(value, None, f"no BD-rate ({rate.note}): rate difference at equal quality (PCHIP)")
    return rate, gain
