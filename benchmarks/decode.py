"""Decoding time of the full-size DCVC-TCM at 416x240, and the share spent outside the networks."""

import time

import torch
from common import arguments, interleaved, report

import lvc.entropy.streams as streams
from lvc.codec import Rate
from lvc.config.dcvc_tcm import DCVCTCMConfig
from lvc.models.build import build_codec


def make_codec():
    """Full-size weights whose latents carry symbols: untrained scales would be 0 and code nothing."""
    torch.manual_seed(0)
    codec = build_codec(DCVCTCMConfig(name="dcvc_tcm")).eval()
    with torch.no_grad():
        codec.encoder.down[-1].weight.mul_(20)
        codec.motion.encoder[-1].weight.mul_(20)
        for layer in (codec.motion.hyper_decoder[-1], codec.entropy_parameters[-1], codec.intra.h_s[-1]):
            layer.bias[: len(layer.bias) // 2].fill_(0.5)
    return codec


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--frames", type=int, default=3, help="frames decoded in a repeat, the first intra")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    codec = make_codec()
    frames = torch.nn.functional.interpolate(torch.rand(options.frames, 3, 30, 52), scale_factor=8, mode="bicubic")
    encoded = list(codec.encode(frames.clamp(0, 1)[:, None].unbind(0), Rate()))
    packets = [e.packet for e in encoded]
    outside: list[float] = []

    def timed(function):
        def run(*args, **kwargs):
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                outside[-1] += time.perf_counter() - started

        return run

    # everything a decoder does beside its networks goes through the stream
    streams.Read.code = timed(streams.Read.code)
    streams.Read.__init__ = timed(streams.Read.__init__)
    streams.Read.finish = timed(streams.Read.finish)

    def decode():
        outside.append(0.0)
        for _ in codec.decode(packets, (240, 416), Rate()):
            pass

    rows = interleaved({"decode": decode}, options.repeats)
    share = sorted(outside[1:])[len(outside[1:]) // 2] / rows["decode"]["seconds"]
    size = sum(len(p.payload) for p in packets)
    rows["decode"] |= {"frames_per_second": options.frames / rows["decode"]["seconds"], "bytes": size}
    report("decode", rows, {"outside the networks / all": share}, options)


if __name__ == "__main__":
    main()
