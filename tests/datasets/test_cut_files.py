"""Missing bytes are noticed in every container that says how many there are; nothing else counts as damage."""

import av
import pytest

from lvc.datasets.video_file import VideoFile
from lvc.errors import UserError
from tests.datasets.awkward import FRAMES, number_in, write

X264 = {"g": "12", "bf": "0", "preset": "ultrafast"}
KINDS = {
    "a.mkv": ("libx264", X264),
    "live.mkv": ("libx264", X264, None, None, "yuv420p", {"live": "1"}),
    "a.mp4": ("libx264", X264, None, None, "yuv420p", {"movflags": "faststart"}),
    "fragments.mp4": ("libx264", X264, None, None, "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    "a.avi": ("mpeg4", {"g": "12"}),
    "a.flv": ("libx264", X264),
    "a.ts": ("libx264", X264),
    "a.ivf": ("libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}),
    "a.y4m": ("wrapped_avframe", {}),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole")
    for name, kind in KINDS.items():
        write(path / name, *kind)
    return path


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_cut_within_a_frame(whole, tmp_path, name, last):
    with av.open(str(whole / name)) as file:
        places = sorted(packet.pos for packet in file.demux(video=0) if packet.size)
    place = places[-1 if last else 40]
    (tmp_path / name).write_bytes((whole / name).read_bytes()[: place + 40])
    numbers = []
    with pytest.raises(UserError, match=rf"{name}: damaged or cut short: \d+( of \d+)? frames could be read"):
        for frame in VideoFile(tmp_path / name, "bt601").frames():
            numbers.append(number_in(frame))
    assert numbers == list(range(len(numbers))) and 36 <= len(numbers) < (FRAMES if last else 42)


@pytest.mark.parametrize("name", KINDS)
def test_whole_files_are_whole(whole, name):
    assert [number_in(frame) for frame in VideoFile(whole / name, "bt601").frames()] == list(range(FRAMES))


@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.mp4"])
def test_something_appended_is_no_damage(whole, tmp_path, name):
    (tmp_path / name).write_bytes((whole / name).read_bytes() + bytes(100))
    assert sum(1 for _ in VideoFile(tmp_path / name, "bt601").frames()) == FRAMES


@pytest.mark.parametrize("duration", [b"00:01:00.000000000", b"-1:xx:00.00000000?"])
def test_durations_are_hints(whole, tmp_path, duration):
    """A tag that is too long, or no time at all, says nothing about the frames."""
    data = (whole / "a.mkv").read_bytes()
    place = data.index(b"DURATION") + len(b"DURATION") + 3
    assert data[place : place + 3] == b"00:"
    (tmp_path / "a.mkv").write_bytes(data[:place] + duration + data[place + len(duration) :])
    video = VideoFile(tmp_path / "a.mkv", "bt601")
    assert video.count() == sum(1 for _ in video.frames()) == FRAMES


def test_damage_behind_a_seek_is_not_concealed(whole, tmp_path):
    with av.open(str(whole / "a.mp4")) as file:
        place = next(packet.pos for packet in file.demux(video=0) if packet.size and packet.pts >= 50 * 512)
    data = bytearray((whole / "a.mp4").read_bytes())
    data[place + 4 : place + 44] = b"\x55" * 40
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(UserError, match="damaged or cut short"):
        list(VideoFile(tmp_path / "a.mp4", "bt601").frames(45, 12))
    assert len(list(VideoFile(tmp_path / "a.mp4", "bt601").frames(32, 3))) == 3
