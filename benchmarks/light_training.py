"""The curve of the light codec's training, from the logs of its runs: python benchmarks/light_training.py RUN RUN."""

import csv
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "light_training.png"


def series(rows: list[dict[str, str]], key: str) -> tuple[list[int], list[float]]:
    """Steps and values where a figure was logged."""
    logged = [(int(row["step"]), float(row[key])) for row in rows if row.get(key)]
    return [step for step, _ in logged], [value for _, value in logged]


def main() -> None:
    runs = [Path(run) for run in sys.argv[1:]] or sys.exit(f"usage: {__doc__}")
    figure, axes = plt.subplots(1, 2 * len(runs), figsize=(5 * 2 * len(runs), 3.8), squeeze=False)
    for (loss, validation), run in zip(axes[0].reshape(-1, 2), runs, strict=True):
        with (run / "metrics.csv").open() as file:
            rows = list(csv.DictReader(file))
        loss.plot(*series(rows, "train/loss"), lw=1)
        loss.set(title=f"{run.name}: training loss", xlabel="step", yscale="log")
        stages = dict.fromkeys(row["stage_name"] for row in rows)
        for name in list(stages)[1:]:
            loss.axvline(min(int(row["step"]) for row in rows if row["stage_name"] == name), color="0.7", lw=1)
        for key, colour in (("val/bpp", "tab:blue"), ("val/psnr", "tab:red")):
            axis = validation if key == "val/bpp" else validation.twinx()
            axis.plot(*series(rows, key), color=colour, marker="o", ms=3)
            axis.set_ylabel({"val/bpp": "bits per pixel", "val/psnr": "PSNR in dB"}[key], color=colour)
        validation.set(title="validation, the middle quality", xlabel="step")
        for axis in (loss, validation):
            axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=100)


if __name__ == "__main__":
    main()
