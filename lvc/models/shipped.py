"""Trained codecs that come with the package, by name: exports in ``weights/``, beside this file."""

from pathlib import Path

from lvc.errors import UserError

FOLDER = Path(__file__).with_name("weights")
"""Where they lie."""

DEFAULT = "light"
"""What codes a video where no other codec is named."""


def shipped() -> dict[str, Path]:
    """Exports by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def named(export: str | Path | None) -> Path:
    """The export that a user names: a file, or a codec of the package; ``None`` is the package's default.

    Raises:
        UserError: If it is neither.
    """
    known = shipped()
    if export is None and DEFAULT not in known:
        raise UserError("--model: no codec comes with this package; name an export (codec.safetensors of a run)")
    if export is None or str(export) in known:
        return known[str(export or DEFAULT)]
    if not Path(export).is_file():
        choices = f", and no codec of the package; those are: {', '.join(known)}" if known else ""
        raise UserError(f"{export}: no such export{choices}")
    return Path(export)
