"""Finding the export that a bitstream was made with, from the digest in its header."""

from pathlib import Path

from lvc.cache import cache_folder
from lvc.errors import UserError


def remember(digest: str, path: Path) -> None:
    """Note where an export is, for a later decode; a cache that cannot be written is no reason to fail."""
    try:
        folder = cache_folder("exports")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / digest[:16]).write_text(str(path.resolve()))
    except OSError:
        pass


def find(digest: bytes, beside: Path) -> Path:
    """The export with this digest: one used here before, or one beside the bitstream.

    Raises:
        UserError: If there is none; says how to name it.
    """
    from safetensors import SafetensorError, safe_open

    noted = cache_folder("exports") / digest.hex()
    candidates = [Path(noted.read_text())] if noted.is_file() else []
    candidates += sorted(beside.resolve().parent.glob("*.safetensors"))
    for path in candidates:
        try:
            with safe_open(path, "pt") as file:
                if (file.metadata() or {}).get("digest", "").startswith(digest.hex()):
                    return path
        except (OSError, SafetensorError):
            continue
    raise UserError(f"{beside}: needs export {digest.hex()}, not found here; name it with --model EXPORT")
