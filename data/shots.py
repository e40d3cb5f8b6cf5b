"""Shots of a video, and the clips that are cut out of them, while its frames go by."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from scenedetect.detectors import AdaptiveDetector

from data.frames import Frame
from data.options import BuildOptions

LOOKAHEAD = 2
"""Frames on either side of one that its change is compared with."""

WIDTH = 224
"""Columns of the pictures that cuts are looked for in."""


class CutDetector:
    """PySceneDetect's adaptive detector: a cut is a change that stands out from those around it.

    A change that is merely large would not do: every frame of fast motion is one.

    Args:
        ratio: Least change of a cut in multiples of the mean change around it.
        change: Least change of a cut: mean absolute difference in hue, saturation and value, of 255.
    """

    def __init__(self, ratio: float, change: float):
        self._detector = AdaptiveDetector(
            adaptive_threshold=ratio, min_content_val=change, min_scene_len=0, window_width=LOOKAHEAD
        )
        self._recent: deque[np.ndarray] = deque(maxlen=LOOKAHEAD + 1)
        self._next = -LOOKAHEAD

    def feed(self, image: np.ndarray) -> set[int]:
        """Cuts that are certain now: numbers of the frames behind them, at least ``LOOKAHEAD`` before this one."""
        height = max(round(image.shape[0] * WIDTH / image.shape[1]), 8)
        small = cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)
        self._recent.append(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        if len(self._recent) <= LOOKAHEAD:
            return set()
        if self._next < 0:  # the detector judges no frame that has fewer others on either side: mirror the ends
            return self._give([*reversed(self._recent), *list(self._recent)[1:]])
        return self._give([self._recent[-1]])

    def finish(self) -> set[int]:
        """Cuts among the last frames."""
        return self._give(list(self._recent)[-2::-1]) if self._next > 0 else set()

    def _give(self, images: list[np.ndarray]) -> set[int]:
        cuts = set()
        for image in images:
            cuts |= set(self._detector.process_frame(self._next, image))
            self._next += 1
        return cuts


def shots(frames: Iterable[Frame], ratio: float, change: float) -> Iterator[tuple[int, int, Frame]]:
    """Number of its shot, number, frame; a few frames late.

    Args:
        frames: Frames of a source.
        ratio: See :class:`CutDetector`.
        change: See :class:`CutDetector`.
    """
    detector, waiting, cuts, shot = CutDetector(ratio, change), deque(), set(), 0

    def release() -> tuple[int, int, Frame]:
        nonlocal shot
        index, frame = waiting.popleft()
        shot += index in cuts and index > 0
        cuts.discard(index)
        return shot, index, frame

    for index, frame in enumerate(frames):
        cuts |= detector.feed(frame.image)
        waiting.append((index, frame))
        if len(waiting) > LOOKAHEAD:
            yield release()
    cuts |= detector.finish()
    while waiting:
        yield release()


@dataclass
class Clip:
    """Neighbouring frames of one shot.

    Attributes:
        shot: Number of the shot.
        first: Number of its first frame in the source.
        frames: Its frames.
    """

    shot: int
    first: int
    frames: list[Frame] = field(default_factory=list)


class ClipCutter:
    """Cuts clips out of shots. Only clips that are not complete, or whose shot may still end, are in memory.

    Args:
        options: Length, stride, margin and number of clips.

    Attributes:
        frames: Frames seen.
        shots: Shots seen.
        short: First frame and length of every shot that no clip fits into.
    """

    def __init__(self, options: BuildOptions):
        self.length, self.margin = options.frames, options.margin
        self.stride, self.most = options.stride or options.frames, options.clips_per_shot
        self.frames, self.shots, self.short = 0, 0, []
        self._open: list[Clip] = []
        self._shot, self._start, self._given = -1, 0, 0

    def cut(self, numbered: Iterable[tuple[int, int, Frame]]) -> Iterator[Clip]:
        """Yield clips as soon as it is known that ``margin`` frames of their shot follow them.

        Args:
            numbered: What :func:`shots` yields.
        """
        for shot, index, frame in numbered:
            if shot != self._shot:
                self._end_shot()
                self._shot, self._start = shot, index
            self.frames = index + 1
            place = index - self._start - self.margin
            if place >= 0 and place % self.stride == 0 and (self.most is None or place // self.stride < self.most):
                self._open.append(Clip(shot, index))
            for clip in self._open:
                if len(clip.frames) < self.length:
                    clip.frames.append(frame)
            while self._open and index >= self._open[0].first + self.length + self.margin - 1:
                self._given += 1
                yield self._open.pop(0)
        self._end_shot()

    def _end_shot(self) -> None:
        if self._shot >= 0:
            self.shots += 1
            if not self._given:
                self.short.append((self._start, self.frames - self._start))
        self._open.clear()
        self._given = 0
