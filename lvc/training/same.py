"""Whether two runs are one and the same: their weights bit for bit, and all that they logged but the time it took."""

from pathlib import Path

from lvc.training.rows import read_rows

CLOCKS = ("system/", "summary/minutes")
"""What is measured by a clock, and differs between runs that are otherwise the same."""


def differences(one: Path | str, other: Path | str) -> dict[str, list[str]]:
    """What two finished runs do not share.

    Args:
        one: A run's folder.
        other: Another run's folder.

    Returns:
        ``weights``: names of tensors, in the exports of the stages and in the last one. ``rows``: differing rows of
        ``metrics.csv``. ``scalars``: names of TensorBoard's curves. A list is empty where all is equal.
    """
    one, other = Path(one), Path(other)
    return {"weights": _weights(one, other), "rows": _rows(one, other), "scalars": _scalars(one, other)}


def figures(folder: Path | str) -> list[dict[str, str]]:
    """Rows of a run's log without :data:`CLOCKS`, nor columns that are empty."""
    rows = read_rows(Path(folder, "metrics.csv"))
    return [{k: v for k, v in sorted(row.items()) if v and not k.startswith(CLOCKS)} for row in rows]


def _weights(one: Path, other: Path) -> list[str]:
    import torch
    from safetensors.torch import load_file

    exports = {str(p.relative_to(f)) for f in (one, other) for p in f.rglob("*.safetensors")}
    found = []
    for export in sorted(exports):
        if not ((one / export).is_file() and (other / export).is_file()):
            found.append(export)
            continue
        ours, theirs = load_file(one / export), load_file(other / export)
        same = {n for n in ours.keys() & theirs.keys() if torch.equal(ours[n], theirs[n])}
        found += [f"{export}: {name}" for name in sorted((ours.keys() | theirs.keys()) - same)]
    return found


def _rows(one: Path, other: Path) -> list[str]:
    ours, theirs = figures(one), figures(other)
    found = [f"{len(ours)} and {len(theirs)} rows"] if len(ours) != len(theirs) else []
    return found + [f"{a} and {b}" for a, b in zip(ours, theirs, strict=False) if a != b]


def _scalars(one: Path, other: Path) -> list[str]:
    ours, theirs = _curves(one / "tensorboard"), _curves(other / "tensorboard")
    return sorted(n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n) and not n.startswith(CLOCKS))


def _curves(folder: Path) -> dict[str, set[tuple[int, float]]]:
    """Step and value of every point of every curve, as TensorBoard shows them (a point drawn twice is one)."""
    if not folder.is_dir():
        return {}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {name: {(e.step, e.value) for e in events.Scalars(name)} for name in events.Tags()["scalars"]}
