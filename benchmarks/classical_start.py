"""Loss against steps with and without the classical start: the same clips in the same order, the same learning rate.

    python benchmarks/classical_start.py --model intra_cheng2020 --clips videos/train
    python benchmarks/classical_start.py --model dcvc_tcm --size full --minutes 4 --clips videos/train

A P-frame codec is trained whole on pairs, over the package's intra codec and flow network. Figures are means over the
batches since the line before; step 0 is before training.
"""

import random
import time

import torch
from common import arguments, report

from lvc.codec import ClipCoding, Unrolling
from lvc.config.compose import compose
from lvc.config.run import RunConfig, build_run
from lvc.entropy.streams import Estimate
from lvc.export import load_starting_weights
from lvc.models.build import build_codec
from lvc.training.losses import RateDistortionLoss
from lvc.training.plan import open_sources
from lvc.training.stages import freeze, learnable, learning_rate, parameter_groups
from lvc.training.task import TASKS

SHOWN = (1, 10, 30, 100, 200, 300, 500, 700, 1000, 1500, 2000)
OVER = {"tiny": [], "full": ["model/intra=light", "model.intra.pretrained=true", "model.flow.pretrained=true"]}
"""What a P-frame codec begins over; with `size=tiny` it does so by itself."""


def plan(options) -> RunConfig:
    """The run that both starts share: one stage of the model's short plan, made as long as it has to be."""
    intra = options.model.startswith("intra")
    schedule, stage = ("intra_short", "intra") if intra else ("tcm_short", "joint")
    flow = [] if intra else OVER[options.size]
    lengths = {"frames": 1 if intra else 2, "lr": options.lr, "lr_milestones": "[]", "warmup_steps": 30}
    lengths |= {"crop": options.crop, "batch_size": options.batch, "steps": options.steps}
    changes = [f"schedule.stages.{stage}.{field}={value}" for field, value in lengths.items()]
    data = ["dataset=folder", f"dataset.path={options.clips}"]
    model = [f"model={options.model}", f"size={options.size}", f"schedule={schedule}", f"schedule.order=[{stage}]"]
    return build_run(compose("train", [*model, *flow, *changes, *data]))


def pool(run: RunConfig, stage: str, count: int) -> torch.Tensor:
    """``(count, T, 3, crop, crop)`` training crops in [0, 1]."""
    samples = TASKS["codec"](run).samples(stage, open_sources(run)[stage])
    return torch.stack([samples[0, draw]["clip"] for draw in range(count)]).float().div(255)


def curve(run: RunConfig, name: str, clips: torch.Tensor, classical: bool, minutes: float) -> dict[str, dict]:
    """Train and measure: rows by step."""
    stage, model = run.schedule.stages[name], run.model
    torch.manual_seed(0)
    order = random.Random(0)
    codec = build_codec(model)
    trainable = learnable(codec)
    load_starting_weights(codec, model)
    loss = RateDistortionLoss(stage.loss, run.loss, model.spec.qualities)
    started = time.process_time()
    if classical:
        codec.eval().start_from(clips[:96], loss.mse_range)
    rows = {"start": {"cpu_seconds": time.process_time() - started}}
    freeze(codec, stage.train, trainable)
    groups = parameter_groups(codec, {"flow": 0.01} if "flow" in stage.train else {})
    optimizer = torch.optim.Adam(groups, lr=stage.lr)
    seen, started = [], time.process_time()
    for step in range(stage.steps + 1):
        batch = clips[[order.randrange(len(clips)) for _ in range(stage.batch_size)]]
        rate = loss.rate(len(batch), "cpu")
        codings = codec.structure.unroll(codec, batch, rate, Estimate(training=True), Unrolling())
        value, terms = loss(*_trained(codec, codings, batch), rate)
        seen.append([float(terms[f"train/{term}"]) for term in ("loss", "bpp", "psnr")])
        used = (time.process_time() - started) / 60
        if step in (0, *SHOWN, stage.steps) or used > minutes:
            means = [sum(values) / len(seen) for values in zip(*seen, strict=True)]
            rows[f"{step}"] = dict(zip(("loss", "bpp", "psnr"), means, strict=True)) | {"cpu_minutes": used}
            print("classical" if classical else "usual", step, rows[f"{step}"], flush=True)
            seen = []
        if used > minutes:
            break
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), stage.grad_clip)
        for group in optimizer.param_groups:
            group["lr"] = group["factor"] * learning_rate(stage, step, stage.steps)
        optimizer.step()
    return rows


def _trained(codec, codings, batch):
    """The codings of frames that train, stacked, and their originals."""
    kept = [coding for coding in codings if codec.trains(coding.kind)]
    return ClipCoding.stack(kept), torch.stack([batch[:, coding.index] for coding in kept], 1)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=None)
    parser.add_argument("--model", default="intra_cheng2020", help="intra_cheng2020, dcvc_tcm, ...")
    parser.add_argument("--size", choices=["tiny", "full"], default="tiny", help="variant of the model")
    parser.add_argument("--clips", required=True, help="folder of training videos")
    parser.add_argument("--pool", type=int, default=256, help="crops to draw from")
    parser.add_argument("--steps", type=int, default=300, help="longest training")
    parser.add_argument("--minutes", type=float, default=4, help="longest CPU time of each")
    parser.add_argument("--lr", type=float, default=1e-3, help="rate of learning")
    parser.add_argument("--batch", type=int, default=8, help="crops of a step")
    parser.add_argument("--crop", type=int, default=64, help="side of a crop")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or 1)
    run = plan(options)
    (name,) = run.schedule.order
    clips = pool(run, name, options.pool)
    rows = {}
    for start in ("classical", "usual"):
        found = curve(run, name, clips, start == "classical", options.minutes)
        rows |= {f"{start}, step {step}": values for step, values in found.items()}
    shown = [key.partition(", ")[2] for key in rows if key.startswith("usual, step ")]
    pairs = {step: (rows.get(f"classical, {step}"), rows[f"usual, {step}"]) for step in shown if step != "step start"}
    ratios = {f"loss, {step}": ours["loss"] / usual["loss"] for step, (ours, usual) in pairs.items() if ours}
    options.options = [options.model, options.size, options.lr, options.batch, options.crop]
    report("classical start", rows, ratios, options)


if __name__ == "__main__":
    main()
