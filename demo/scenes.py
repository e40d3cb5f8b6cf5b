"""Rendered scenes as video files, for a demo where there are no clips."""

import sys
from pathlib import Path

from lvc.config.data import SyntheticConfig
from lvc.datasets.synthetic import SyntheticClips
from lvc.datasets.video import VideoWriter

FRAMES, HEIGHT, WIDTH = 17, 240, 416


def main(folder: Path, scenes: int) -> None:
    """Write scenes that no training set of fewer than 100,000 has; those that are there stay."""
    config = SyntheticConfig(
        name="synthetic", first=100_000, clips=scenes, clip_frames=FRAMES, height=HEIGHT, width=WIDTH
    )
    source = SyntheticClips(config)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(scenes):
        target = folder / f"{source.name(index)}.mkv"
        if not target.exists():
            with VideoWriter(target, (HEIGHT, WIDTH), 25) as writer:
                for frame in source.read(index, 0, FRAMES):
                    writer.write(frame)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
