"""CPU seconds of the full-size pMCTF-L: a training step on two frames, and encoding and decoding a pair of frames.

Weights are fresh: times are valid, bytes are not. Encoding includes the reconstruction that a decoder will make.
"""

import torch
from common import arguments, interleaved, report

from lvc.codec import Rate
from lvc.config.contract import build
from lvc.config.model import ModelConfig
from lvc.entropy.streams import Estimate
from lvc.layers.layout import to_channels_last
from lvc.models.build import build_codec

RELEASED = {"training step": 8.1, "encode": 16.8, "decode": 16.3}
"""CPU seconds of the released code, on one thread of two shared cores of an AMD EPYC."""


def codec_of(ll_context: str, levels: int = 1) -> torch.nn.Module:
    """A fresh pMCTF-L of full size, the same each time."""
    torch.manual_seed(0)
    options = {"name": "pmctf_l", "ll_context": ll_context, "temporal_levels": levels, "structure": {"gop": 2}}
    return build_codec(build(ModelConfig, options)).eval()


def frames_of(size: int) -> torch.Tensor:
    """Two smooth random frames ``(1, 2, 3, size, size)``."""
    noise = torch.rand(2, 3, size // 8, size // 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, scale_factor=8, mode="bicubic").clamp(0, 1)[None]


def training_step(size: int):
    """A function that does a training step of all but motion estimation, without the optimiser."""
    codec, clip = codec_of("autoregressive").train(), frames_of(size)
    codec.flow.requires_grad_(False)
    rate = Rate(q=torch.tensor([10.0]))

    def step():
        codec.zero_grad()
        coding = codec(clip, rate, Estimate(training=True, quantization="straight_through"))
        bpp = sum(bits.mean() for bits in coding.bits.values()) / size**2
        (1024 * (coding.frames - clip).square().mean() + bpp).backward()

    return step


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("--crop", type=int, default=128, help="side of a training clip")
    parser.add_argument("--size", type=int, default=256, help="side of the frames that are coded")
    options = parser.parse_args()
    torch.set_num_threads(options.threads or 1)
    rate, frames, cases, sent = Rate(q=torch.tensor([20.0])), frames_of(options.size), {}, {}
    cases["training step"] = training_step(options.crop)
    for name, context in (("", "autoregressive"), (", four-step LL", "four_step")):
        codec = to_channels_last(codec_of(context))  # as exports are loaded

        def encode(codec=codec, name=name):
            sent[name] = [coded.packet for coded in codec.encode(frames[0].split(1), rate)]

        def decode(codec=codec, name=name):
            list(codec.decode(sent[name], (options.size, options.size), rate))

        cases |= {f"encode{name}": encode, f"decode{name}": decode}
    rows = interleaved(cases, options.repeats)
    for name, packets in sent.items():
        rows[f"decode{name}"]["bytes"] = sum(len(packet.payload) for packet in packets)
    ratios = {
        f"{name} / released": row["cpu_seconds"] / RELEASED[name.split(",")[0]]
        for name, row in rows.items()
        if (options.crop, options.size) == (128, 256)
    }
    report("wavelet", rows, ratios, options)


if __name__ == "__main__":
    main()
