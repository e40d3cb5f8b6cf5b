"""Training step of a full-size codec: one P frame, forward and backward.

On a CPU float32 in torch's default layout against bfloat16 in channels-last order; on a GPU also compiled, with frames
per second and the fraction of the measured bfloat16 matrix-product peak.
"""

import torch
from common import arguments, full_size, interleaved, report, synchronise

from lvc.cli.summary import multiply_accumulates
from lvc.codec import FrameJob, Rate
from lvc.entropy.streams import Estimate
from lvc.layers.layout import to_channels_last


def make_step(model: str, device: str, bf16: bool, compiled: bool, size: int, batch: int):
    """A function that does one training step."""
    codec = full_size(model).to(device)
    codec = to_channels_last(codec) if bf16 else codec
    frame = torch.rand(batch, 3, size, size, device=device)
    with torch.no_grad():  # the state is complete from the second P frame on
        first = codec.code_frame(FrameJob("P", frame, {"frame": frame.flip(3)}, Estimate(False), Rate(), (size, size)))
    state = first.state
    codec.train()
    code = torch.compile(codec.code_frame) if compiled else codec.code_frame

    def step():
        codec.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            coding = code("P", frame, state, Estimate(training=True), Rate(), (size, size))
        bpp = sum(bits.mean() for bits in coding.bits.values()) / size**2
        (1024 * (coding.frame - frame).square().mean() + bpp).backward()

    return step


def matmul_peak() -> float:
    """FLOP/s of an 8192 x 8192 bfloat16 matrix product on random data."""
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    rows = interleaved({"matmul": lambda: [a @ a for _ in range(10)]}, 5)
    return 10 * 2 * 8192**3 / rows["matmul"]["seconds"]


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], model=True)
    parser.add_argument("--size", type=int, default=256, help="side of the frame")
    parser.add_argument("--batch", type=int, default=None, help="frames (1 on a CPU, 8 on a GPU)")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    gpu = torch.cuda.is_available()
    device, batch = ("cuda", options.batch or 8) if gpu else ("cpu", options.batch or 1)
    kinds = {"float32 eager": (False, False), "bfloat16 channels-last": (True, False)}
    kinds |= {"bfloat16 channels-last compiled": (True, True)} if gpu else {}
    steps = {name: make_step(options.model, device, *kind, options.size, batch) for name, kind in kinds.items()}
    rows = interleaved(steps, options.repeats)
    base = rows["float32 eager"]["seconds"]
    ratios = {f"{name} / float32 eager": row["seconds"] / base for name, row in rows.items() if row["seconds"] != base}
    operations = multiply_accumulates(full_size(options.model), (options.size, options.size))["encoder"]
    flops = 3 * 2 * operations * batch  # backward costs about twice the forward pass
    for name, row in rows.items():
        row["frames_per_second"] = batch / row["seconds"]
        if gpu:
            ratios[f"{name}, fraction of peak"] = flops / row["seconds"] / matmul_peak()
    synchronise()
    report(f"train_step of {options.model}", rows, ratios, options)


if __name__ == "__main__":
    main()
