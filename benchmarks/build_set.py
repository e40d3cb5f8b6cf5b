"""Source video per core-hour of building a set of clips, a worker's memory against the length, and two workers.

Real clips (LVC_DATA, else rendered scenes) are enlarged to 1920x1080 and encoded at 8 Mbit/s, as a camera or a video
site would; longer sources repeat their packets. Every clip is cut, measured and written.
"""

import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from common import arguments, report

FRAMES, LONGER = 320, 10


def pictures() -> list[np.ndarray]:
    """Frames of real clips where there are some, one shot after the other."""
    from lvc.config.data import FolderConfig, SyntheticConfig
    from lvc.datasets.sources import open_source

    folder = Path(os.environ.get("LVC_DATA", Path(__file__).parents[2] / "shared" / "data")) / "train"
    config = SyntheticConfig(name="synthetic", clip_frames=16)
    if folder.is_dir():
        config = FolderConfig(name="folder", path=str(folder), pattern="*_f0000*")
    clips, found = open_source(config), []
    for index in range(len(clips)):
        found += list(clips.read(index, 0, min(clips.length(index), 16)))
        if len(found) >= FRAMES:
            break
    return found[:FRAMES]


def encode(path: Path, images: list[np.ndarray]) -> None:
    """Enlarge and encode."""
    with av.open(str(path), "w") as file:
        options = {"preset": "veryfast", "b": "8M", "maxrate": "12M", "bufsize": "8M", "g": "60", "bf": "0"}
        stream = file.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for image in images:
            large = cv2.resize(image, (1920, 1080), interpolation=cv2.INTER_CUBIC)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(large, format="rgb24")))
        file.mux(stream.encode())


def lengthen(source: Path, target: Path, times: int) -> None:
    """Repeat the packets of a file."""
    with av.open(str(source)) as one, av.open(str(target), "w") as many:
        stream = many.add_stream_from_template(one.streams.video[0])
        packets = [p for p in one.demux(video=0) if p.size]
        base = packets[0].time_base
        length = round(len(packets) / Fraction(30) / base)
        for turn in range(times):
            with av.open(str(source)) as again:
                for packet in again.demux(video=0):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + turn * length, packet.dts + turn * length
                        packet.stream = stream
                        many.mux(packet)


def cut(path: Path, out: Path, sender=None) -> None:
    """Cut one source in this process; send seconds, CPU seconds and the largest resident memory in MiB."""
    from data.cut import cut_source
    from data.options import BuildOptions
    from data.sources import Source

    out.mkdir()
    started, worked = time.perf_counter(), time.process_time()
    found = cut_source(Source(path.name, path), BuildOptions(source=".", out="."), out, out / "record.json")
    facts = time.perf_counter() - started, time.process_time() - worked
    kept = sum(not clip["reason"] for clip in found["clips"])
    sender.send((*facts, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found["frames"], kept))


def alone(path: Path, out: Path) -> tuple:
    """:func:`cut` in a fresh process, so that nothing else is in its memory."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=cut, args=(path, out, sender))
    process.start()
    result = receiver.recv()
    process.join()
    return result


def row(path: Path, results: list[tuple]) -> dict[str, float]:
    """Medians of one source's figures."""
    seconds, cpu, memory = (statistics.median(result[i] for result in results) for i in range(3))
    gigabytes = path.stat().st_size / 1e9
    return {
        "gigabytes": gigabytes,
        "frames": results[0][3],
        "clips": results[0][4],
        "seconds": seconds,
        "cpu_seconds": cpu,
        "gb_per_core_hour": gigabytes / cpu * 3600,
        "peak_mib": memory,
    }


def both(paths: list[Path], out: Path, workers: int) -> float:
    """Seconds to cut several sources with so many workers."""
    from data.cut import cut_source
    from data.options import BuildOptions
    from data.parallel import run_tasks
    from data.sources import Source

    out.mkdir()
    options = BuildOptions(source=".", out=".")
    tasks = [(Source(path.name, path), options, out, out / f"{path.stem}.json") for path in paths]
    started = time.perf_counter()
    list(run_tasks(cut_source, tasks, workers))
    return time.perf_counter() - started


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        short, long = here / "short.mp4", here / "long.mp4"
        encode(short, pictures())
        lengthen(short, long, LONGER)
        turns = range(options.repeats)
        rows = {
            "source": row(short, [alone(short, here / f"short{turn}") for turn in turns]),
            f"{LONGER} times as long": row(long, [alone(long, here / f"long{turn}") for turn in turns[:1]]),
        }
        copies = [short.rename(here / "a.mp4")]
        for name in "bcd":
            copies.append(here / f"{name}.mp4")
            copies[-1].write_bytes(copies[0].read_bytes())
        both(copies[:1], here / "warm", 1)
        times = {w: statistics.median(both(copies, here / f"w{w}_{turn}", w) for turn in turns) for w in (1, 2)}
        rows["four sources"] = {f"seconds_{w}_workers": seconds for w, seconds in times.items()}
        first, last = rows["source"], rows[f"{LONGER} times as long"]
        ratios = {
            "memory, long source / short": last["peak_mib"] / first["peak_mib"],
            "speed, two workers / one": times[1] / times[2],
        }
        report("build_set", rows, ratios, options)


if __name__ == "__main__":
    main()
