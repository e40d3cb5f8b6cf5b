"""The dashboard of a wandb project, as a workspace in code.

Sections follow the groups that runs log (`lvc/training/loggers.py`), over one axis of steps.
"""

from typing import Any

from lvc.config.metrics import LOSSES, METRICS

AXIS = "progress/step"

LINES: dict[str, dict[str, tuple[str, ...]]] = {
    "val": {
        "PSNR (dB)": ("val/psnr", "val/psnr_copy"),
        "bits per pixel (estimate)": ("val/bpp",),
        "cost: lambda * D + R": ("val/loss", "val/loss_copy"),
        **{METRICS[name].short: (f"val/{name}",) for name in LOSSES if name != "mse"},
        "rate difference to the anchor (%)": ("val/bd_rate",),
    },
    "train": {
        "loss": ("train/loss",),
        "PSNR (dB)": ("train/psnr", "train/psnr_prediction"),
        "bits per pixel": ("train/bpp",),
        "learning rate": ("train/lr",),
        "gradient norm": ("train/grad_norm",),
        "steps left out": ("train/skipped",),
    },
    "stage": {"stage": ("stage",)},
    "system": {"frames per second": ("system/frames_per_second",), "GPU memory (GiB)": ("system/gpu_memory_gib",)},
}
"""Panels of curves by section: title, and the metrics in it."""

PINNED = ("val/psnr.max", "val/bpp.min", "val/loss.min", "val/bd_rate.min", "stage", "summary/minutes")
"""Columns of the list of runs."""


def build_workspace(project: str, entity: str, name: str = "lvc") -> Any:
    """The workspace, not yet saved: rate and distortion first, runs grouped as sweeps group them.

    Args:
        project: wandb project.
        entity: wandb team or user.
        name: Name of the workspace.
    """
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces.reports.v2 import LinePlot

    sections = []
    for section, panels in LINES.items():
        plots = [LinePlot(title=title, x=AXIS, y=list(metrics)) for title, metrics in panels.items()]
        if section == "train":
            sections.append(ws.Section("bits", panels=[_streams()], is_open=True))
        sections.append(ws.Section(section, panels=plots, is_open=section in ("val", "stage")))
        if section == "val":
            sections.append(ws.Section("rate and distortion", panels=_rate_distortion(), is_open=True))
    return ws.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis=AXIS, group_by_prefix="first", max_runs=20),
        runset_settings=ws.RunsetSettings(
            groupby=[ws.Metric("Group")], pinned_columns=[f"summary:{metric}" for metric in PINNED]
        ),
    )


def _streams() -> Any:
    from wandb_workspaces.reports.v2 import LinePlot

    return LinePlot(title="bits per pixel by stream", x=AXIS, metric_regex="bits/.*", plot_type="stacked-area")


def _rate_distortion() -> list[Any]:
    from wandb_workspaces.reports.v2 import MediaBrowser, ScatterPlot, WeavePanelSummaryTable
    from wandb_workspaces.reports.v2.interface import SummaryMetric

    points = ScatterPlot(title="rate and PSNR", x=SummaryMetric("val/bpp.min"), y=SummaryMetric("val/psnr.max"))
    media = ("tables/rd_curve", "val/pictures", "val/videos/0")
    tables = ("tables/rd_points", "tables/bd_rate", "tables/stages")
    return [
        points,
        *(MediaBrowser(title=key, media_keys=[key]) for key in media),
        *(WeavePanelSummaryTable(table_name=key) for key in tables),
    ]
