import argparse
import re
import shlex

import pytest

from lvc.cli import scaling
from lvc.cli.scaling import exchanged
from lvc.errors import UserError
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"<!-- output: python -m lvc scaling (.*?) -->\n```\n(.*?)```", PAGE, re.DOTALL)


def test_each_optimiser_step_sends_what_trains_around_a_ring():
    options = ["size=tiny", "schedule=tcm_progressive"]
    rows = {row["stage"]: row for row in exchanged("dcvc_tcm", options, gpus=4, gbps=10)}
    motion, joint, frames = rows["mv_dist"], rows["joint"], rows["joint_5"]
    assert joint["parameters"] == motion["parameters"] + rows["rec_dist"]["parameters"]
    assert joint["mb_per_step"] == pytest.approx(joint["parameters"] * 4 * 1.5 / 1e6)
    assert joint["ms_per_batch"] == pytest.approx(joint["mb_per_batch"] * 8 / 10)
    assert frames["steps_per_batch"] == 4  # one per P frame
    assert frames["mb_per_batch"] == pytest.approx(4 * joint["mb_per_batch"])


def test_one_gpu_sends_nothing_and_none_is_refused():
    assert all(row["mb_per_batch"] == 0 for row in exchanged("intra_cheng2020", ["size=tiny"], 1, 100))
    with pytest.raises(UserError, match="--gpus 0"):
        exchanged("intra_cheng2020", ["size=tiny"], 0, 100)


@pytest.mark.parametrize("model", ["b_canf", "pmctf_l", "spynet"])
def test_every_model_has_rows_whatever_its_structure(model):
    rows = exchanged(model, ["size=tiny"], gpus=2, gbps=100)
    assert rows and all(row["steps_per_batch"] >= 1 and row["mb_per_step"] > 0 for row in rows)


@pytest.mark.parametrize(("arguments", "table"), SHOWN, ids=[arguments for arguments, _ in SHOWN])
def test_the_page_shows_what_the_command_prints(arguments, table, capsys):
    parser = argparse.ArgumentParser()
    scaling.add_arguments(parser)
    scaling.run(parser.parse_args(shlex.split(arguments)))
    assert capsys.readouterr().out == table


def test_the_page_shows_tables():
    assert len(SHOWN) >= 2
