"""What Hydra has to say, in one line that names the option and lists its choices."""

import difflib
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from hydra.errors import HydraException, MissingConfigException, OverrideParseException

from lvc.config.contract import ConfigError
from lvc.config.groups import choices, offered

_OPEN = {"stages", "callbacks", "extra", "rate", "kwargs", "dataset", "on_enter", "sets"}
"""Mappings to which a user may add entries of any name."""

_PLUGINS = "hydra-joblib-launcher, hydra-submitit-launcher, hydra-ray-launcher, hydra-optuna-sweeper"


def complaint(
    error: Exception, overrides: list[str], compose: Callable[[list[str]], Any], config_name: str
) -> ConfigError:
    """Turn an error of Hydra's into ours.

    Args:
        error: What Hydra raised.
        overrides: The command line that it was raised for.
        compose: Composes with other overrides, to see which options there are.
        config_name: The entry point's file in ``conf/``.
    """
    text = str(error)
    if isinstance(error, OverrideParseException):
        return ConfigError("", f"cannot read '{error.override}': {_disliked(error.override)}")
    if isinstance(error, MissingConfigException) and (error.missing_cfg_file or "").startswith("hydra/"):
        group, _, choice = error.missing_cfg_file.rpartition("/")
        have = f"launchers and sweepers come as packages: {_PLUGINS} (docs/sweeps.md)"
        return ConfigError(group, f"'{choice}' is not installed; {have}")
    for override in overrides:
        group, choice = _key(override), override.partition("=")[2]
        known = choices(group.split("@")[0])
        missing = (isinstance(error, MissingConfigException) and error.missing_cfg_file) or ""
        if known and (missing == f"{group.split('@')[0]}/{choice}" or choice == "null"):
            return ConfigError(group, f"'{choice}' is not one of {', '.join(known)}{_meant(choice, known)}")
    if found := re.match(r"In '([\w/]+)/(\w+)': Could not (?:find|load) '([\w/]+)'", text):
        return ConfigError(found[1], f"'{found[2]}' is not for this model: there is no conf/{found[3]}.yaml")
    if found := re.match(r"Could not override '([^']+)'", text):
        kept = [o for o in overrides if _key(o) != found[1]]
        try:
            composed = compose(kept)
        except HydraException:
            composed = compose([])
        return _unknown(found[1], composed, [group.name for group in offered(config_name)])
    if found := re.match(r"Error merging override [+~]*([^=\s]+)", text):
        return ConfigError(found[1], str(error.__cause__).splitlines()[0])
    return ConfigError("", " ".join(text.split()))


def _disliked(override: str) -> str:
    """What Hydra's grammar has against an override."""
    key, given, value = override.partition("=")
    found = re.search(r"[^\w/\\+.$%*@?|: -]", value, re.ASCII)  # what values may hold without quotes
    if not given or found is None:
        return "options are key=value"
    quote = "'" if '"' in value else '"'
    quoted = shlex.quote(f"{key}={quote}{value}{quote}")
    return f"it holds {found[0]!r}, so quote the value, inside of the shell's quotes: {quoted}"


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _unknown(key: str, composed: Mapping[str, Any], groups: list[str]) -> ConfigError:
    """Say where ``key`` leaves the composed configuration, and what is there instead."""
    node: Any = composed
    path: list[str] = []
    for part in key.split("."):
        if not isinstance(node, Mapping):
            return ConfigError(key, f"unknown option; {'.'.join(path)} is a value and has no options")
        path.append(part)
        if part not in node:
            break
        node = node[part]
    else:
        return ConfigError(key, f"has no such entries; +{key}=... adds them")
    known = [str(name) for name in node]
    if len(path) == 1:
        known = sorted({*known, *groups})
    close = f"{_meant(path[-1], known).removeprefix(';').lstrip()} "
    listed = f"choices are: {', '.join(known)}" if known else "there are none yet"
    new = f"; +{key}=... adds one" if path[-2:-1] and path[-2] in _OPEN else ""
    return ConfigError(".".join(path), f"unknown option; {close.lstrip()}{listed}{new}")


def _meant(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, 1, cutoff=0.7)
    return f"; did you mean '{close[0]}'?" if close else ""
