"""The configuration reference is made from the contract, and the page that is kept is up to date."""

from pathlib import Path

from lvc.config.describe import entries
from lvc.config.reference import document
from lvc.config.run import RunConfig

PAGE = Path(__file__).parents[2] / "docs/configuration.md"


def test_the_page_is_up_to_date():
    known = PAGE.read_text(encoding="utf-8")
    assert known == document(), "run: python -m lvc.config.reference > docs/configuration.md"


def test_every_option_says_what_it_means():
    silent = [entry.key for entry in entries(RunConfig) if not entry.meaning.endswith((".", ")"))]
    assert not silent


def test_options_are_described_as_a_user_types_them():
    known = {(entry.kind, entry.key): entry for entry in entries(RunConfig)}
    crop = known["", "schedule.stages.<stage>.crop"]
    assert (crop.type, crop.default) == ("integer, at least 16, or null", "256")
    assert known["dcvc_tcm", "model.flow.widths"].default == "[32,64,32,16]"
    assert known["dcvc_tcm", "model.intra.name"].default == "intra_cheng2020"
    assert known["intra_mbt2018", "model.structure.intra_period"].default == "1"
    assert known["intra_mbt2018", "model.weights"].meaning.startswith("Export whose weights")  # inherited
    assert known["", "trainer.accelerator"].type == r"`auto` \| `cpu` \| `gpu`"
    assert known["", "name"].default is None
