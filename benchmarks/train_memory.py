"""Peak memory of a training step of a full-size codec: one frame that trains, several, several recomputed one by one.

Every case runs in a process of its own. On a CPU the figure is the growth of peak resident memory over the process with
the model, its gradients and the clip; on a GPU it is torch's peak allocation.
"""

import json
import resource
import subprocess
import sys

import torch
from common import arguments, b_frame_codecs, configured, full_size, group_codecs, p_frame_codecs, report

from lvc.codec import Rate, Unrolling
from lvc.entropy.streams import Estimate


def measure(model: str, frames: int, checkpointing: bool, size: int, batch: int) -> float:
    """Peak MiB of one step after the model, its gradients and the clip are there."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    codec = full_size(model).to(device)
    (codec.flow if model in group_codecs() else codec.intra).requires_grad_(False)
    for parameter in codec.train().parameters():
        parameter.grad = torch.zeros_like(parameter)
    intra = 2 if model in b_frame_codecs() else int(model in p_frame_codecs())
    clip = torch.rand(batch, frames + intra, 3, size, size, device=device)
    before = _peak(device, reset=True)
    stream = Estimate(training=True, quantization=configured(model).entropy.quantization)
    codings = list(codec.structure.unroll(codec, clip, Rate(), stream, Unrolling(checkpointing=checkpointing)))
    predicted = [c for c in codings if c.kind != "I"]
    loss = sum(c.frame.square().mean() + sum(b.mean() for b in c.bits.values()) / size**2 for c in predicted)
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
    models = p_frame_codecs() + b_frame_codecs() + group_codecs()
    parser.add_argument("--model", choices=models, default="dcvc_tcm", help="full-size codec to build")
    parser.add_argument("--size", type=int, default=128, help="side of the frame")
    parser.add_argument("--batch", type=int, default=1, help="clips")
    parser.add_argument(
        "--frames", type=int, default=None, help="trained frames of the long clip (4; 3 of B frames, a GOP of four)"
    )
    parser.add_argument("--case", type=json.loads, help="measure one case and print it (used by this script itself)")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.model, *options.case, options.size, options.batch)))
        return
    frames = options.frames or (3 if options.model in b_frame_codecs() else 4)
    cases = {"T=1": (1, False), f"T={frames}": (frames, False), f"T={frames} checkpointed": (frames, True)}
    found: dict[str, list[float]] = {case: [] for case in cases}
    for _ in range(options.repeats):
        for name, case in cases.items():
            words = {"model": options.model, "size": options.size, "batch": options.batch, "case": json.dumps(case)}
            command = [sys.executable, __file__, *(word for k, v in words.items() for word in (f"--{k}", str(v)))]
            found[name].append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    rows = {
        case: {"peak_mib": sorted(values)[len(values) // 2], "largest": max(values)} for case, values in found.items()
    }
    ratios = {f"{case} / T=1": rows[case]["peak_mib"] / rows["T=1"]["peak_mib"] for case in list(cases)[1:]}
    report(f"train_memory of {options.model}", rows, ratios, options)


if __name__ == "__main__":
    main()
