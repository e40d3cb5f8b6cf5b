"""The ``--help`` page of an entry point, made from its config file, the config groups and the contract."""

import sys
from collections.abc import Sequence
from textwrap import fill

from omegaconf import OmegaConf

from lvc.config.describe import entries
from lvc.config.groups import Group, conf_dir, offered

_FLAGS = """\
  --cfg job            print the composed configuration instead of running (add --resolve to fill in ${...})
  -m, --multirun       run every combination of comma-separated values
  --info               where the configuration comes from
  --hydra-help         the flags of Hydra, which composes the configuration"""


def help_page(config_name: str, contract: type | None, common: Sequence[str]) -> str:
    """The page that ``--help`` prints.

    Args:
        config_name: The entry point's file there; its ``hydra.help`` says what it does and gives examples.
        contract: The contract whose field descriptions are shown.
        common: Keys of the fields that are shown.
    """
    own = OmegaConf.load(conf_dir() / f"{config_name}.yaml")
    header, footer = (OmegaConf.select(own, f"hydra.help.{part}", default="") for part in ("header", "footer"))
    script = sys.argv[0] if sys.argv[0].startswith("lvc ") else f"python {config_name}.py"
    parts = [header, f"usage: {script} [group=choice ...] [option=value ...] [flags]"]
    parts.append("Groups (default first):\n" + "\n".join(map(_group, offered(config_name))))
    if contract is not None and common:
        known = {entry.key: entry for entry in reversed(list(entries(contract)))}
        rows = [_row(key, f"{known[key].meaning} [{known[key].type}]") for key in common]
        parts.append("Options most used (docs/configuration.md has them all):\n" + "\n".join(rows))
    parts += [f"Flags:\n{_FLAGS}", f"Examples:\n{_indented(footer)}" if footer else ""]
    return "\n\n".join(filter(None, parts)).replace("\\|", "|")


def _group(group: Group) -> str:
    default = [] if group.default == "null" else [group.default]
    others = [choice for choice in group.choices if choice not in default]
    folders = {c.partition("/")[0] for c in others if "/" in c}
    short = default + [c for c in others if "/" not in c and c not in folders]
    short += [f"{folder}/..." for folder in sorted(folders)]
    return f"{_row(group.name, group.meaning)}\n{_row('', ', '.join(short))}"


def _row(left: str, right: str) -> str:
    start = f"  {left:<20} "
    if len(start) > 23:
        start = f"  {left}\n{'':23}"
    return start + fill(right.replace("`", ""), 86, subsequent_indent=" " * 23)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
