"""Makes the kept streams and runs: `python -m tests.vectors.make FOLDER`, at the commit whose files are to be kept."""

import hashlib
import json
import lzma
import os
import signal
import subprocess
import sys
import tarfile
import time
from fractions import Fraction
from pathlib import Path

import torch

from lvc.coding.video import decode_video, encode_video
from lvc.export import load_export, save_export
from lvc.models.build import build_codec
from lvc.training.same import figures
from tests.conftest import moving_clip, tiny_config, tiny_pmctf_config, tiny_pwave_config
from tests.models import codec_b_canf, test_maskcrt_b, test_mastc_vc, test_ssnvc
from tests.models.intra_codecs import SMALL, small_config
from tests.vectors.exports import drawn, export_of

RESOLUTION = {"search": "exhaustive", "factors": [1, 2], "lmbda": 256.0}
CODECS = {
    "dcvc_tcm": tiny_config(),
    "dcvc_tcm_omra": tiny_config(motion_resolution=RESOLUTION),
    "ssnvc": test_ssnvc.small_config(),
    "mastc_vc": test_mastc_vc.tiny_config(),
    "b_canf": codec_b_canf.tiny_config(),
    "maskcrt_b": test_maskcrt_b.tiny_config(),
    "pwave": tiny_pwave_config(),
    "pmctf_l": tiny_pmctf_config(),
    "pmctf_ca_l": tiny_pmctf_config(
        structure={"gop": 4, "adaptive": True, "gops": [4, 2], "factors": [1, 2], "lmbda": 256.0}
    ),
    **{name: small_config(name) for name in SMALL},
}
RUNS = {
    "pwave": [
        "model=pwave", "schedule=pwave_short", "size=tiny", "dataset=synthetic", "dataset.clips=4", "dataset.height=64",
        "dataset.width=64", "dataset.shapes=4", "model.context_channels=2", "model.memory_channels=1",
        "model.ll_channels=2", "model.post_channels=2", "model.post_blocks=1", "model.lifting.channels=1",
        "model.levels=1", "model.qualities=2", "schedule.all.steps=6", "schedule.all.batch_size=1",
    ],
    "spynet": [
        "model=spynet", "model.levels=2", "model.widths=[2,2,2,2]", "schedule=flow_pretrain", "schedule.start_at=null",
        "schedule.order=[level1,level0]", "~schedule.stages.level1.on_enter.start",
        "schedule.stages.level1.train=[level1]", "schedule.stages.level0.train=[level0]",
        "schedule.all.steps=6", "schedule.all.batch_size=2", "schedule.all.crop=32",
        "+schedule.all.dataset={clips: 4, width: 48, height: 48, shapes: 4, max_motion: 4.0}",
    ],
}  # fmt: skip
PLAIN = [
    "trainer.accelerator=cpu", "trainer.workers=0", "trainer.threads=1", "trainer.progress=false",
    "trainer.log_every=1", "trainer.validation_clips=1", "trainer.validation_frames=2",
    "trainer.pictures=0", "trainer.checkpoint_every=2",
]  # fmt: skip


def stream(name: str, config, folder: Path) -> None:
    """Write `NAME.lvc`, and `NAME.json` with all that decoding it needs and should give."""
    torch.manual_seed(0)
    fresh = build_codec(config).eval()
    tensors = {}
    for key, tensor in fresh.state_dict().items():
        spread = 0.0 if tensor.numel() < 2 or not tensor.is_floating_point() else float(tensor.std())
        kind = str(tensor.dtype).removeprefix("torch.")
        mean = float(tensor.float().mean()) if tensor.numel() else 0.0
        tensors[key] = [list(tensor.shape), kind, round(mean, 4), round(spread * GAINS.get(name, 1.5), 4)]
    fresh.load_state_dict({key: drawn(key, *how) for key, how in tensors.items()})
    path = folder / f"{name}.safetensors"
    save_export(path, fresh, config, {"made_at": "f330321"})
    export = load_export(path)
    frames = [frame[None] for frame in moving_clip(FRAMES.get(name, 5), 64, 64)[0]]
    stream = folder / f"{name}.lvc"
    coded = list(encode_video(export, frames, stream, Fraction(25)))
    kinds = "".join(c.packet.kind for c in coded)
    assert all(torch.isfinite(c.frame).all() for c in coded), name
    bits = {k: round(sum(c.bits.get(k, 0) for c in coded)) for k in dict.fromkeys(k for c in coded for k in c.bits)}
    decoded = list(decode_video(stream, load_export(path)))
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    recorded = {
        "lvc": metadata["lvc"],
        "digest": metadata["digest"],
        "tensors": tensors,
        "frames": [digest(frame) for frame in decoded],
    }
    (folder / f"{name}.json.xz").write_bytes(lzma.compress(json.dumps(recorded).encode()))
    assert load_export(export_of(recorded, folder / "again.safetensors")).info["digest"] == recorded["digest"], name
    spreads = [round(float(c.frame.std()), 3) for c in coded]
    print(name, stream.stat().st_size, kinds, bits, spreads, [c.motion_factor for c in coded], flush=True)
    path.unlink()
    (folder / "again.safetensors").unlink()


FRAMES = {"pwave": 2, "pmctf_l": 4, "pmctf_ca_l": 4}
GAINS = dict.fromkeys(("pwave", "pmctf_l", "pmctf_ca_l"), 0.7)


def digest(frame: torch.Tensor) -> str:
    """Of a decoded frame's exact values."""
    return hashlib.sha256(frame.contiguous().numpy().tobytes()).hexdigest()


def run(name: str, options: list[str], folder: Path) -> None:
    """Write `NAME.tar.xz`, a run that was killed in its last stage, and `NAME.json`: how it goes on, and ends."""
    from lvc.export import read_export

    script, own = Path("train.py").absolute(), [*options, *PLAIN, f"name={name}", f"dir=runs/{name}"]
    places = {part: folder / f"{part}_{name}" for part in ("whole", "part")}
    environment = os.environ | {"PYTHONPATH": str(script.parent), "LVC_DATA": "clips"}
    for place in places.values():
        place.mkdir()
    how = {"env": environment, "stdout": subprocess.DEVNULL}
    subprocess.run([sys.executable, script, *own], check=True, cwd=places["whole"], **how)
    whole, place = (places[part] / "runs" / name for part in ("whole", "part"))
    last = list(json.loads((whole / "state.json").read_text())["stages"])[-1]
    process = subprocess.Popen([sys.executable, script, *own], cwd=places["part"], **how)
    while not list(place.glob(f"checkpoints/{last}/00000000[2-5].ckpt")):
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    found = sorted(p for p in place.rglob("*.ckpt"))
    for path in found[:-1]:
        path.unlink()
    with tarfile.open(folder / f"{name}.tar.xz", "w:xz") as archive:
        for path in (place / "state.json", place / "metrics.csv", *place.glob("stages/*"), found[-1]):
            archive.add(path, f"runs/{name}/{path.relative_to(place)}")
    ends = {"options": own}
    tensors = read_export(whole / "codec.safetensors")[2]
    ends["weights"] = digest(
        torch.cat([tensors[k].double().flatten() for k in sorted(tensors) if k.startswith("weights.")])
    )
    ends["rows"] = figures(whole)
    (folder / f"{name}.json").write_text(json.dumps(ends))
    print(name, (folder / f"{name}.tar.xz").stat().st_size, found[-1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    where = Path(sys.argv[1])
    for part in ("streams", "runs"):
        (where / part).mkdir(parents=True, exist_ok=True)
    for name, config in CODECS.items() if "--runs" not in sys.argv else ():
        stream(name, config, where / "streams")
    for name, options in RUNS.items():
        run(name, options, where / "runs")
