"""Commands that are killed leave no half file under a final name."""

import signal

import pytest

from tests.commands import lvc, train

from .conftest import QUICK, SMALL, write


@pytest.fixture(scope="module")
def long_video(tmp_path_factory):
    return write(tmp_path_factory.mktemp("long") / "scene.mkv", frames=150)


@pytest.fixture(scope="module")
def long_bitstream(tmp_path_factory, long_video, tiny_export):
    folder = tmp_path_factory.mktemp("long")
    assert lvc("encode", long_video, "a.lvc", "--model", tiny_export, cwd=folder).code == 0
    return folder / "a.lvc"


def begun(folder, pattern):
    """Whether there is a file under a temporary name."""
    return lambda: any(folder.glob(pattern))


@pytest.mark.parametrize("before", [None, b"kept"])
def test_a_killed_encode_leaves_the_final_name_as_it_was(tmp_path, long_video, tiny_export, before):
    target = tmp_path / "a.lvc"
    if before:
        target.write_bytes(before)
    command = ["encode", long_video, "a.lvc", "--model", tiny_export]
    done = lvc(*command, cwd=tmp_path, kill_when=begun(tmp_path, ".a.lvc*"))
    assert done.code == -signal.SIGKILL
    assert target.exists() == bool(before)
    assert not before or target.read_bytes() == before
    assert lvc(*command, cwd=tmp_path).code == 0
    assert [p.name for p in tmp_path.glob("*a.lvc*")] == ["a.lvc"]


@pytest.mark.parametrize("target", ["a.mkv", "a.mp4", "a"])
def test_a_killed_decode_leaves_nothing_under_the_final_name(tmp_path, long_bitstream, tiny_export, target):
    stop = begun(tmp_path, ".a.*partial*")
    done = lvc("decode", long_bitstream, target, "--model", tiny_export, cwd=tmp_path, kill_when=stop)
    assert done.code == -signal.SIGKILL
    assert not (tmp_path / target).exists()


def test_a_user_who_stops_a_command_sees_no_traceback(tmp_path, tiny_export):
    # long enough for a busy machine, where the signal may come late
    video = write(tmp_path / "scene.mkv", frames=600)
    options = {"kill_when": begun(tmp_path, ".a.lvc*"), "kill_with": signal.SIGINT}
    done = lvc("encode", video, "a.lvc", "--model", tiny_export, cwd=tmp_path, **options)
    assert (done.code, done.err) == (130, "")
    assert list(tmp_path.glob("*a.lvc*")) == []


def test_a_user_who_stops_a_training_can_go_on(tmp_path):
    scenes = ["dataset.height=64", "dataset.width=96", "dataset.clips=4", "dataset.shapes=6"]
    command = [
        *SMALL,
        *QUICK,
        *scenes,
        "schedule=single_stage",
        "schedule.order=[joint]",
        "schedule.all.frames=2",
        "dir=run",
    ]
    steps = [
        "schedule.all.epochs=null",
        "schedule.all.steps=12",
        "trainer.checkpoint_every=2",
        "trainer.progress=false",
    ]
    options = {"kill_when": (tmp_path / "run/checkpoints/joint/000000004.ckpt").exists, "kill_with": signal.SIGINT}
    done = train(*command, *steps, cwd=tmp_path, **options)
    assert done.code == 130
    assert "Traceback" not in done.err
    assert not (tmp_path / "run" / "codec.safetensors").exists()
    done = train(*command, *steps, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "continuing stage 'joint' after batch" in done.out
