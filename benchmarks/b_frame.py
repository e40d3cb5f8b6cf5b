"""One B frame of a full-size codec, forward: all of it, and part by part.

Rates are estimated, as the 2.9 s were that the released B-CANF took on two idle cores.
"""

import time
from collections import defaultdict

import torch
from common import arguments, b_frame_codecs, full_size, interleaved, report

from lvc.codec import FrameJob, Rate
from lvc.entropy.streams import Estimate
from lvc.layers.layout import to_channels_last


def timed_parts(codec: torch.nn.Module, seconds: dict[str, list[float]]) -> None:
    """Let the codec's parts add the CPU seconds of each call to ``seconds``."""
    parts = ("estimate", "predict", "compensate", "motion.code", "frame.code", "mask.forward")
    for path in parts:
        *owner, name = path.split(".")
        owner = getattr(codec, owner[0], None) if owner else codec
        if owner is not None:
            setattr(owner, name, _timed(getattr(owner, name), seconds[path.split(".")[0]]))


def _timed(function, seconds: list[float]):
    def call(*args, **options):
        started = time.process_time()
        result = function(*args, **options)
        seconds.append(time.process_time() - started)
        return result

    return call


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("--model", choices=b_frame_codecs(), default="b_canf", help="full-size codec to build")
    parser.add_argument("--size", type=int, default=256, help="side of the frame")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    codecs = {"default": full_size(options.model).eval(), "channels-last": full_size(options.model).eval()}
    to_channels_last(codecs["channels-last"])
    frame = torch.rand(1, 3, options.size, options.size)
    state = ({"frame": frame.flip(2)}, {"frame": frame.flip(3)})
    parts = {name: defaultdict(list) for name in codecs}

    def forward(codec):
        with torch.inference_mode():
            codec.code_frame(
                FrameJob("b", frame, state, Estimate(training=False), Rate(), (options.size, options.size))
            )

    for name, codec in codecs.items():
        timed_parts(codec, parts[name])
    rows = interleaved({name: lambda codec=codec: forward(codec) for name, codec in codecs.items()}, options.repeats)
    for name, row in rows.items():
        row |= {part: sorted(spent[1:])[len(spent[1:]) // 2] for part, spent in parts[name].items()}
    ratio = rows["channels-last"]["seconds"] / rows["default"]["seconds"]
    report(f"b_frame of {options.model}", rows, {"channels-last / default": ratio}, options)


if __name__ == "__main__":
    main()
