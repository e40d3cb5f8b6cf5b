"""``info``, ``models`` and ``summary``."""

import json

import pytest

from lvc.__main__ import COMMANDS, main
from lvc.export import load_export

from .conftest import FRAMES, HEIGHT, WIDTH


def said(capsys, *arguments):
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page(capsys, command):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    page = capsys.readouterr().out
    assert end.value.code == 0
    assert page.startswith(f"usage: python -m lvc {command}")
    assert COMMANDS[command].__doc__.splitlines()[0] in page
    assert "None" not in page


def test_info_of_a_bitstream(capsys, coded, tiny_export):
    facts = json.loads(said(capsys, "info", coded[0], "--json"))
    assert (facts["model"], facts["size"], facts["bytes"]) == ("dcvc_tcm", f"{WIDTH}x{HEIGHT}", coded[0].stat().st_size)
    assert facts["frames"] == f"{FRAMES} (1 I, {FRAMES - 1} P)"
    assert load_export(tiny_export).info["digest"].startswith(facts["export"])
    page = said(capsys, "info", coded[0])
    assert [line.split()[0] for line in page.splitlines()] == list(facts)


def test_info_of_an_export(capsys, tiny_export):
    facts = json.loads(said(capsys, "info", tiny_export, "--json"))
    export = load_export(tiny_export)
    assert (facts["model"], facts["size"], facts["digest"]) == ("dcvc_tcm", "tiny", export.info["digest"])
    assert facts["parameters"] == sum(t.numel() for t in export.codec.state_dict().values())
    assert facts["config"]["intra"]["channels"] == 8
    assert facts["provenance"] == {"seed": 0}


def test_models_lists_systems_and_sizes(capsys):
    rows = json.loads(said(capsys, "models", "--json"))
    found = {(row["model"], row["size"]): (row["parameters"], row["intra_parameters"]) for row in rows}
    assert found["dcvc_tcm", "full"] == (10_708_989, 23_738_028)
    assert found["intra_cheng2020", "full"] == (23_738_028, 0)
    assert found["dcvc_tcm", "tiny"][0] < 2_000_000
    assert found["dcvc_tcm", "tiny"][1] == found["intra_light", "full"][0], "quick plans begin over the package's"
    page = said(capsys, "models")
    assert "10,708,989" in page and len(page.splitlines()) == 1 + len(rows)


def test_summary_has_the_published_numbers(capsys):
    facts = json.loads(said(capsys, "summary", "dcvc_tcm", "--json"))
    assert facts["parameters"] == sum(facts["modules"].values()) == 10_708_989
    assert facts["intra_parameters"] == 23_738_028
    assert facts["kmac_per_pixel"] == pytest.approx(1380, rel=0.01)
    assert sum(facts["module_gmac"].values()) == pytest.approx(facts["gmac_per_frame"], rel=0.001)
    assert facts["module_gmac"]["fusion"] == pytest.approx(765, rel=0.01)
    assert facts["decoder_kmac_per_pixel"] < facts["kmac_per_pixel"]
    assert facts["padded"] == [1920, 1088]
    assert facts["latents"]["frame"] == [96, 68, 120] and facts["latents"]["motion"] == [128, 68, 120]


def test_summary_of_another_size_and_of_an_ablation(capsys):
    tiny = ("summary", "dcvc_tcm", "size=tiny")
    whole = json.loads(said(capsys, *tiny, "--frame", "100x70", "--json"))
    less = json.loads(
        said(capsys, "summary", "dcvc_tcm", "size=tiny", "model.contexts=1", "--frame", "100x70", "--json")
    )
    assert whole["padded"] == [128, 128]
    assert less["parameters"] < whole["parameters"] and less["kmac_per_pixel"] < whole["kmac_per_pixel"]
    page = said(capsys, "summary", "intra_cheng2020", "size=tiny", "--frame", "64x64")
    assert "kMAC per pixel" in page and "intra codec, apart" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["summary", "dcvc"], "model: 'dcvc' is not one of "),
        (["summary", "dcvc_tcm", "model.context=1"], "model.context: unknown option; did you mean 'contexts'?"),
        (["summary", "dcvc_tcm", "model.contexts=9"], "model.contexts: input should be less than or equal to 4"),
        (["summary", "dcvc_tcm", "--frame", "0x9"], "--frame: '0x9' is not WIDTHxHEIGHT"),
    ],
)
def test_mistakes_are_one_line(capsys, arguments, message):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1
