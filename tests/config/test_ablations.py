"""The table of ablations is made from the experiments, and what it says is what they are."""

from pathlib import Path

import pytest

from lvc.config.ablations import ablations, document
from lvc.config.compose import compose
from lvc.config.groups import choices

PAGE = Path(__file__).parents[2] / "docs/ablations.md"


def test_the_page_is_up_to_date():
    known = PAGE.read_text(encoding="utf-8")
    assert known == document(), "run: python -m lvc.config.ablations > docs/ablations.md"


def test_every_experiment_in_a_folder_says_where_the_paper_has_it_and_what_it_changes():
    rows = list(ablations())
    assert [row.experiment for row in rows] == [name for name in choices("experiment") if "/" in name]
    assert all(row.place and row.meaning and row.options for row in rows)


@pytest.mark.parametrize(
    "name",
    [
        "dcvc_tcm_ablation/no_contexts_in_entropy",
        "ssnvc_ablation/anchor",
        "mastc_vc_ablation/groups_4x16_64",
        "pmctf_l_ablation/fixed_rate",
        "pmctf_l_ablation/no_scale",
    ],
)
def test_the_options_typed_make_the_experiments_run(name):
    (row,) = (row for row in ablations() if row.experiment == name)

    def run(*overrides):
        return {group: compose("train", overrides)[group] for group in ("model", "schedule", "loss")}

    typed = run(f"experiment={row.whole}", *row.options)
    assert typed == run(f"experiment={name}")
    assert typed["model"] != run(f"experiment={row.whole}")["model"]
