"""Where a run's weights come from: configuration, code, versions, machine."""

import json
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "pytorch-lightning", "numpy", "compressai", "constriction", "av", "safetensors")


def provenance(composed: dict[str, Any], seed: int) -> dict[str, Any]:
    """Plain containers that say how a run came about; recorded in its folder and in every export.

    Args:
        composed: The whole composed configuration.
        seed: The run's seed.
    """
    import torch

    machine = {"system": platform.system(), "processor": platform.machine(), "threads": torch.get_num_threads()}
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    return {
        "config": composed,
        "seed": seed,
        "git": git_state(Path(__file__).parent),
        "versions": {"python": platform.python_version()} | {p: _version(p) for p in ("lvc", *PACKAGES)},
        "machine": machine,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def origin(export: Path | str) -> dict[str, Any]:
    """``digest`` and ``provenance`` in an export's header, read without its tensors; empty where there is no export."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(export, "np") as file:
            metadata = file.metadata() or {}
        return {"digest": metadata["digest"], "provenance": json.loads(metadata["lvc"])["provenance"]}
    except (OSError, SafetensorError, KeyError):
        return {}


def git_state(folder: Path) -> dict[str, Any]:
    """Revision of the checkout that holds ``folder``, and whether files in it differ; empty outside a checkout."""
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return {"revision": revision, "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return {}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
