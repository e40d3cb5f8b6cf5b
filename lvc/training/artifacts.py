"""Exports and evaluation results as wandb artifacts, with lineage to the run that made them.

Offline an artifact is logged but none can be asked for, so what a run was made from is recorded in its configuration
too, by the digests of exports.
"""

import re
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger

from lvc.provenance import origin


def log_export(loggers: list[Logger], path: Path, facts: dict[str, Any]) -> None:
    """Log an export to every wandb run among ``loggers``.

    Args:
        loggers: The run's loggers.
        path: The export.
        facts: What its metadata says beside its digest.
    """
    import wandb

    for logger in loggers:
        if isinstance(logger, WandbLogger):
            digest = origin(path)["digest"]
            artifact = wandb.Artifact(codec_name(logger.experiment.id), "codec", metadata={**facts, "digest": digest})
            artifact.add_file(str(path), "codec.safetensors", policy="immutable")
            logger.experiment.log_artifact(artifact, aliases=["latest", digest[:16]])


def codec_name(run_id: str) -> str:
    """Name of the artifact that holds a run's codec."""
    return f"codec-{run_id}"


def note_inputs(run: Any, exports: list[str | Path]) -> None:
    """Record the exports that a wandb run starts from; those that a run of the same account logged are linked.

    Args:
        run: The wandb run.
        exports: Paths of exports; those that are not there are left out.
    """
    found = {str(path): origin(path) for path in exports}
    inputs = {
        path: {"digest": facts["digest"], "wandb": facts["provenance"].get("wandb")}
        for path, facts in found.items()
        if facts
    }
    if not inputs:
        return
    run.config.update({"inputs": inputs}, allow_val_change=True)
    if run.offline:
        return  # what is asked for offline cannot be answered
    import wandb

    for facts in inputs.values():
        if facts.get("wandb"):
            try:
                run.use_artifact(f"{codec_name(facts['wandb'])}:{facts['digest'][:16]}")
            except (wandb.errors.CommError, ValueError):
                continue  # logged under another project, or never synchronised; its digest is recorded


def artifact_name(text: str) -> str:
    """Text as an artifact may be named."""
    return re.sub(r"[^\w.-]+", "-", text)[:100]
