"""Decoding time of a full-size codec at 416x240, and the share spent outside the networks."""

import time

import torch
from common import arguments, b_frame_codecs, full_size, interleaved, p_frame_codecs, report

import lvc.entropy.streams as streams
from lvc.codec import Rate
from lvc.entropy.priors import ScalePrior
from lvc.structures import frame


def lively(prior: object) -> object:
    """A prior whose scales are spread over the coding tables: those of untrained networks would all be 0."""
    if isinstance(prior, ScalePrior):
        generator = torch.Generator().manual_seed(prior.scales.numel())
        prior.scales = torch.exp(torch.randn(prior.shape, generator=generator) * 1.5 - 1.5)
    return prior


class LivelyWrite(streams.Write):
    """Writes latents drawn from the lively priors, whatever the networks make."""

    def code(self, name, y, prior):
        prior = lively(prior)
        drawn = prior.means + prior.scales * torch.randn(prior.shape) if isinstance(prior, ScalePrior) else y
        return super().code(name, drawn, prior)


class LivelyRead(streams.Read):
    """Reads them, and takes the time of everything a decoder does beside its networks."""

    seconds = 0.0

    def __init__(self, payload):
        started = time.perf_counter()
        super().__init__(payload)
        LivelyRead.seconds += time.perf_counter() - started

    def code(self, name, y, prior):
        prior, started = lively(prior), time.perf_counter()
        result = super().code(name, y, prior)
        LivelyRead.seconds += time.perf_counter() - started
        return result


def main() -> None:
    parser = arguments(__doc__)
    models = p_frame_codecs() + b_frame_codecs()
    parser.add_argument("--model", choices=models, default="dcvc_tcm", help="full-size codec to build")
    parser.add_argument("--frames", type=int, default=3, help="frames decoded in a repeat, the first intra")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    frame.Write, frame.Read = LivelyWrite, LivelyRead
    codec = full_size(options.model).eval()
    frames = torch.nn.functional.interpolate(torch.rand(options.frames, 3, 30, 52), scale_factor=8, mode="bicubic")
    encoded = list(codec.encode(frames.clamp(0, 1)[:, None].unbind(0), Rate()))
    packets = [e.packet for e in encoded]
    outside: list[float] = []

    def decode():
        LivelyRead.seconds = 0.0
        for _ in codec.decode(packets, (240, 416), Rate()):
            pass
        outside.append(LivelyRead.seconds)

    rows = interleaved({"decode": decode}, options.repeats)
    share = sorted(outside[1:])[len(outside[1:]) // 2] / rows["decode"]["seconds"]
    size = sum(len(p.payload) for p in packets)
    rows["decode"] |= {"frames_per_second": options.frames / rows["decode"]["seconds"], "bytes": size}
    report(f"decode of {options.model}", rows, {"outside the networks / all": share}, options)


if __name__ == "__main__":
    main()
