import pytest

from lvc.config.compose import compose
from lvc.config.contract import ConfigError
from lvc.config.evaluate import build_evaluation
from lvc.evaluation.systems import default_qualities
from lvc.evaluation.traditional import options_of


def built(**changes):
    given = {
        "dataset": {"name": "folder", "path": "videos"},
        "protocol": {"name": "ip32"},
        "traditional": {"x265": {"encoder": "libx265", "points": [22, 27]}},
        "codecs": ["x265"],
        "output": "out",
    }
    return build_evaluation({**given, **changes})


def test_one_export_needs_no_list():
    assert built(exports="runs/*/codec.safetensors").exports == ("runs/*/codec.safetensors",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codecs": ["x266"]}, "codecs: 'x266' is not in traditional; choices are: x265"),
        ({"codecs": []}, "exports: names nothing to evaluate"),
        ({"labels": ["a"]}, "labels: has 1 names for 0 entries of exports"),
        ({"protocol": {"name": "x", "intra_period": 0}}, "protocol.intra_period"),
        ({"protocol": {"name": "x", "metrics": ["ms_ssim"]}}, "protocol.metrics: needs 'psnr'"),
        ({"traditional": {"x265": {"encoder": "libx265", "points": []}}}, "traditional.x265.points"),
        ({"codec": "x265"}, "codec: unknown option; did you mean 'codecs'?"),
    ],
)
def test_a_wrong_option_is_named(changes, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        built(**changes)


@pytest.mark.parametrize("protocol", ["ip32", "ip12"])
def test_the_shipped_configuration_is_valid(protocol):
    config = build_evaluation(compose("evaluate", [f"protocol={protocol}", "preset=fast", "exports=a/*.safetensors"]))
    assert config.protocol.name == protocol
    options = options_of(config.traditional["x264"], 27, config.protocol)
    assert int(options["g"]) == config.protocol.intra_period == int(protocol[2:])
    assert config.traditional["x265"].options["preset"] == "fast"
    assert set(config.codecs) == {"x264", "x265"} and {"svtav1", "vp9"} <= set(config.traditional)


@pytest.mark.parametrize(
    ("count", "points"), [(21, (0, 4, 8, 12, 16, 20)), (4, (0, 1, 2, 3)), (1, (0,)), (64, (0, 13, 25, 38, 50, 63))]
)
def test_a_variable_rate_export_is_coded_at_six_qualities_unless_told_otherwise(count, points):
    assert default_qualities(count) == points


@pytest.mark.parametrize("protocol", ["dcvc", "dcvc_tcm", "ssnvc", "mastc_vc", "pmctf_l", "omra"])
def test_each_paper_has_its_protocol(protocol):
    config = build_evaluation(compose("evaluate", [f"protocol={protocol}"]))
    assert config.protocol.name == protocol
    assert config.protocol.period(600) == {"pmctf_l": 16, "dcvc": 600}.get(protocol, config.protocol.intra_period)
    assert (
        int(
            options_of(config.traditional["x265"], 27, config.protocol)["x265-params"].split("keyint=")[1].split(":")[0]
        )
        > 0
    )
