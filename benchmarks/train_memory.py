"""Peak memory of a training step of the full-size DCVC-TCM: T = 1, and T = 4 with per-frame activation checkpointing.

Every case runs in a process of its own. On a CPU the figure is the growth of peak resident memory over the process with
the model, its gradients and the clip; on a GPU it is torch's peak allocation.
"""

import json
import resource
import subprocess
import sys

import torch
from common import arguments, report

from lvc.codec import Rate
from lvc.config.dcvc_tcm import DCVCTCMConfig
from lvc.entropy.streams import Estimate
from lvc.models.build import build_codec

CASES = {"T=1": (1, False), "T=4": (4, False), "T=4 checkpointed": (4, True)}


def measure(frames: int, checkpointing: bool, size: int) -> float:
    """Peak MiB of one step after the model, its gradients and the clip are there."""
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    codec = build_codec(DCVCTCMConfig(name="dcvc_tcm", intra={"name": "intra_cheng2020", "channels": 32})).to(device)
    codec.train().intra.requires_grad_(False)
    for parameter in codec.parameters():
        parameter.grad = torch.zeros_like(parameter)
    clip = torch.rand(1, frames + 1, 3, size, size, device=device)
    before = _peak(device, reset=True)
    codings = list(codec.structure.unroll(codec, clip, Rate(), Estimate(training=True), checkpointing=checkpointing))[
        1:
    ]
    loss = sum(c.frame.square().mean() + sum(b.mean() for b in c.bits.values()) / size**2 for c in codings)
    loss.backward()
    return _peak(device) - before


def _peak(device: str, reset: bool = False) -> float:
    if device == "cuda":
        if reset:
            torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128, help="side of the frame")
    parser.add_argument("--case", choices=CASES, help="measure one case and print it (used by this script itself)")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*CASES[options.case], options.size)))
        return
    found: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(options.repeats):
        for case in CASES:
            command = [sys.executable, __file__, "--case", case, "--size", str(options.size)]
            found[case].append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    rows = {
        case: {"peak_mib": sorted(values)[len(values) // 2], "largest": max(values)} for case, values in found.items()
    }
    ratios = {f"{case} / T=1": rows[case]["peak_mib"] / rows["T=1"]["peak_mib"] for case in list(CASES)[1:]}
    report("train_memory", rows, ratios, options)


if __name__ == "__main__":
    main()
