"""The configuration reference, made from the contract.

``python -m lvc.config.reference > docs/configuration.md`` writes the page.
"""

from collections.abc import Iterator

from lvc.config.describe import Entry, entries
from lvc.config.groups import offered
from lvc.config.run import RunConfig

_INTRO = """\
# Configuration reference

Made from the contract in `lvc/config/` by `python -m lvc.config.reference > docs/configuration.md`.

A run is a choice per group and any number of options, both typed as `key=value`:

```
python train.py model=dcvc_tcm size=tiny schedule=tcm_short loss.lmbda=512 schedule.stages.joint.lr=2e-4
```

- `python train.py --cfg job` prints the composed run; `--help` shows the options that are used most.
- An option that is not there, of a wrong type or impossible ends the command with one line that names it.
- `schedule.all.FIELD=VALUE` sets a field in every stage: `schedule.all.batch_size=1`.
- `schedule.order=[joint,cascade]` picks stages, `schedule.start_at=joint` starts in the middle, and
  `+stage@schedule.stages.more=tcm_joint schedule.stages.more.epochs=1` adds a stage that `order` may name.
- New entries of free mappings take a `+`: `+schedule.stages.joint.dataset.path=other/clips`.
- `-m` runs every combination of values: `python train.py -m loss.lmbda=256,512,1024,2048`, or `sweep=lambda`.
- A run lives in `dir`: `runs/NAME`, or `$LVC_RUNS/NAME`. The same command finds it again. The members of a
  multirun live there too, each in a folder named after those of its values that the name does not tell.
- `validation` has the options of `dataset`.
"""


ENTRY_POINTS = (("train", RunConfig),)
"""Every entry point's file in ``conf/``, and the contract of what it composes."""


def document() -> str:
    """The whole reference as Markdown."""
    return "\n".join([_INTRO, *(page(name, contract) for name, contract in ENTRY_POINTS)])


def page(config_name: str, contract: type) -> str:
    """The groups and options of one entry point as Markdown.

    Args:
        config_name: The entry point's file in ``conf/``.
        contract: The dataclass of what it composes.
    """
    title = f"## Groups of `{config_name}.py`\n"
    lines = [title, "| Group | Chooses | Choices (default first) |", "| --- | --- | --- |"]
    lines += _group_rows(config_name)
    found = [entry for entry in entries(contract) if not entry.key.startswith("validation.")]
    for section in dict.fromkeys(entry.section for entry in found):
        name, kind = section
        title = f"`{name}={kind}`" if kind else f"`{name}`" if name else f"Options of `{config_name}.py`"
        lines += [f"\n## {title}\n", "| Option | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
        lines += [_option_row(entry) for entry in found if entry.section == section]
    return "\n".join(lines) + "\n"


def _group_rows(config_name: str) -> Iterator[str]:
    for group in offered(config_name):
        default = [f"**{group.default}**"] if group.default in group.choices else []
        names = default + [choice for choice in group.choices if choice != group.default]
        yield f"| `{group.name}` | {group.meaning} | {', '.join(names)} |"


def _option_row(entry: Entry) -> str:
    default = "in `conf/`" if entry.default is None else f"`{entry.default}`"
    return f"| `{entry.key}` | {entry.type} | {default} | {entry.meaning} |"


if __name__ == "__main__":
    print(document(), end="")
