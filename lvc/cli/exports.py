"""Finding the export that a bitstream was made with, from the digest in its header."""

from pathlib import Path

from lvc.cache import cache_folder
from lvc.errors import UserError
from lvc.models.shipped import shipped


def remember(digest: str, path: Path) -> None:
    """Note where an export is, for a later decode; a cache that cannot be written is no reason to fail."""
    try:
        _cache().mkdir(parents=True, exist_ok=True)
        (_cache() / digest[:16]).write_text(str(path.resolve()))
    except OSError:
        pass


def find(digest: bytes, beside: Path) -> Path:
    """The export with this digest: one used here before, one beside the bitstream, or one of the package.

    Raises:
        UserError: If there is none; says how to name it.
    """
    from safetensors import SafetensorError, safe_open

    noted = _cache() / digest.hex()
    candidates = [Path(noted.read_text())] if noted.is_file() else []
    candidates += [*sorted(beside.resolve().parent.glob("*.safetensors")), *shipped().values()]
    for path in candidates:
        try:
            with safe_open(path, "pt") as file:
                if (file.metadata() or {}).get("digest", "").startswith(digest.hex()):
                    return path
        except (OSError, SafetensorError):
            continue
    raise UserError(f"{beside}: needs export {digest.hex()}, not found here; name it with --model EXPORT")


def _cache() -> Path:
    return cache_folder() / "exports"
