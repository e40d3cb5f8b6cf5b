"""The table of ablations, made from the experiments in the folders below ``conf/experiment/``.

``python -m lvc.config.ablations > docs/ablations.md`` writes the page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

from lvc.config.compose import compose
from lvc.config.describe import typed
from lvc.config.groups import choices, conf_dir

_INTRO = """\
# Ablations

Made from `conf/experiment/` by `python -m lvc.config.ablations > docs/ablations.md`.

Rows of a paper's ablation tables are experiments, and a few options that may be typed instead. Missing are those that
code with HM or VTM:

```
python train.py experiment=dcvc_tcm_ablation/2l1c loss.lmbda=1024
python train.py model=dcvc_tcm model.levels=2 model.contexts=1 loss.lmbda=1024
python -m lvc summary dcvc_tcm model.levels=2 model.contexts=1
```

`sweep=...` runs a whole table. Rows of one system share all that their options do not name.
"""

_GROUPS = ("model", "schedule", "loss")


@dataclass(frozen=True)
class Ablation:
    """One experiment that differs from another in options of model, schedule or loss.

    Attributes:
        experiment: Its name.
        whole: The experiment that it differs from.
        place: Where the paper has it (``Table VI``), or empty.
        meaning: What its first comment says.
        options: What it changes, as it would be typed.
    """

    experiment: str
    whole: str
    place: str
    meaning: str
    options: tuple[str, ...]


def ablations() -> Iterator[Ablation]:
    """Every experiment in a folder below ``conf/experiment/``, by name."""
    composed: dict[str, Any] = {}
    for name in choices("experiment"):
        if "/" not in name:
            continue
        text = (conf_dir() / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
        own = OmegaConf.create(text)
        (whole,) = (d.removeprefix("/experiment/") for d in own.defaults if isinstance(d, str) and "/experiment/" in d)
        if whole not in composed:
            composed[whole] = compose("train", [f"experiment={whole}"])
        place, _, meaning = _comment(text).rpartition(": ")
        chosen = (d for d in own.defaults if not isinstance(d, str))
        options = [f"{key.removeprefix('override /')}={value}" for d in chosen for key, value in d.items()]
        changed = {group: own[group] for group in _GROUPS if group in own}
        resolved = OmegaConf.to_container(OmegaConf.merge(composed[whole], changed), resolve=True)
        for group, fields in changed.items():
            options += _overrides(group, fields, resolved[group])
        yield Ablation(name, whole, place, meaning.rstrip("."), tuple(options))


def _comment(text: str) -> str:
    """The comment below the first line."""
    lines = text.splitlines()[1:]
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return " ".join(line.removeprefix("#").strip() for line in lines[:end])


def _overrides(prefix: str, changed: Any, resolved: dict[str, Any]) -> list[str]:
    """The leaves of ``changed`` as overrides, with the values that they are resolved to."""
    options = []
    for key, value in resolved.items():
        if key in changed:
            path = f"{prefix}.{key}"
            inner = isinstance(value, dict)
            options += _overrides(path, changed[key], value) if inner else [f"{path}={typed(value)}"]
    return options


def document() -> str:
    """The page as Markdown."""
    rows = list(ablations())
    parts = [_INTRO]
    for whole in dict.fromkeys(row.whole for row in rows):
        table = [row for row in rows if row.whole == whole]
        parts.append(f"## `{whole}`\n\n| experiment | where | what | options |\n| --- | --- | --- | --- |")
        parts += [
            f"| `{r.experiment}` | {r.place} | {r.meaning} | {' '.join(f'`{o}`' for o in r.options)} |" for r in table
        ]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    print(document(), end="")
