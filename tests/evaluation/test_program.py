import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lvc.config.compose import compose
from lvc.config.contract import ConfigError, build
from lvc.config.evaluate import build_evaluation
from lvc.config.programs import ProgramConfig
from lvc.errors import UserError
from lvc.evaluation.program import describe_program, measure_program

from ..rivals.material import open_planes, write_planes
from .material import protocol

STAND_IN = f"{sys.executable} {Path(__file__).parent / 'stand_in.py'}"


def program(size=96 * 64 * 3 // 2, **changes):
    given = {
        "version": "stand-in 1",
        "points": (0, 4),
        "encode": f"{STAND_IN} encode {{input}} {{stream}} {{point}} {{frames}} {size}",
        "decode": f"{STAND_IN} decode {{stream}} {{output}}",
    }
    return build(ProgramConfig, {**given, **changes})


@pytest.fixture
def planes(tmp_path):
    (tmp_path / "in").mkdir()
    written = write_planes(tmp_path / "in" / "scene.mkv")
    return open_planes(tmp_path / "in" / "scene.mkv"), written


def test_planes_go_through_the_program(planes, tmp_path):
    source, _ = planes
    exact, coarse = (measure_program(program(), q, source, protocol(), tmp_path / "s.bin") for q in (0, 4))
    assert exact.quality.summary()["metrics"]["psnr_yuv"] == 100
    assert exact.bytes > coarse.bytes == (tmp_path / "s.bin").stat().st_size
    assert 25 < coarse.quality.summary()["metrics"]["psnr_y"] < 45


def test_kinds_and_bits_are_read_from_what_it_prints(planes, tmp_path):
    frames = measure_program(program(), 0, planes[0], protocol(), tmp_path / "s.bin").frames
    assert [f.kind for f in frames.values()] == list("IPPPPP")
    assert [f.bits for f in frames.values()] == [8, 16, 24, 32, 40, 48]


def test_other_formats_are_made_from_rgb(planes, tmp_path):
    config = program(size=96 * 64 * 3, pixels="yuv444p")
    result = measure_program(config, 0, planes[0], protocol(), tmp_path / "s.bin")
    assert 40 < result.quality.summary()["psnr"] < 100


def test_a_program_that_fails_is_quoted_in_one_line(planes, tmp_path):
    with pytest.raises(UserError, match="Error: expected 6 frames of 7 bytes, got 55296 bytes") as raised:
        measure_program(program(size=7), 0, planes[0], protocol(), tmp_path / "s.bin")
    assert "\n" not in str(raised.value)


def test_a_missing_program_names_the_option(planes, tmp_path):
    config = program(encode="/nowhere/bin/EncoderApp {input} {stream}", binary="vtm", version="VTM-17.0")
    with pytest.raises(
        UserError, match=r"cannot run /nowhere/bin/EncoderApp .*binaries.vtm names the folder of VTM-17.0"
    ):
        measure_program(config, 0, planes[0], protocol(), tmp_path / "s.bin")


def test_records_hold_the_command_and_not_where_it_lies():
    config = program(encode="{folder}/bin/EncoderApp -i {input} -b {stream} -q {point}", folder="/opt/vtm")
    settings = describe_program(config, 32, protocol())
    assert settings["command"] == "stand-in 1/bin/EncoderApp -i {input} -b {stream} -q 32"
    assert settings == describe_program(replace(config, folder="/elsewhere"), 32, protocol())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encode": "x {inputs} {stream}"}, r"encode: \{inputs\} is not one of folder, input"),
        ({"decode": "x {stream}"}, r"decode: does not say where \{output\} goes"),
    ],
)
def test_a_wrong_command_line_is_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        program(**changes)


def test_shipped_programs_need_their_folder():
    overrides = ["dataset.path=x", "codecs=[vtm_ldp]", "bdrate.anchor=vtm_ldp"]
    with pytest.raises(ConfigError, match=r"binaries\.vtm: is not set: name the folder of VTM"):
        build_evaluation(compose("evaluate", overrides))
    config = build_evaluation(compose("evaluate", [*overrides, "binaries.vtm=/opt/vtm"]))
    assert config.programs["vtm_ldp"].folder == "/opt/vtm"
    assert {"hm_ldp", "hm_ra_444", "vtm_ld", "vtm_ra", "jm_ldb"} <= set(config.programs)
