"""Put a trained flow network into the package: ``python -m lvc.motion.ship EXPORT [EARLIER ...]``.

The copy is in half precision and keeps the configuration that the network was trained with, and that of the exports
it was started from (EARLIER); of paths only the last part is kept.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lvc.config.parts import shipped_flow
from lvc.errors import UserError


def ship(path: Path, earlier: Sequence[Path] = (), out: Path | None = None) -> Path:
    """Write the half-precision copy.

    Args:
        path: An export of ``model=spynet``.
        earlier: Exports that the run which made it was started from, for the record.
        out: Where to; ``None`` for its place in the package.

    Raises:
        UserError: If ``path`` is no such export.
    """
    from lvc.training.export import read_export, write_export

    header, digest, tensors = read_export(path)
    config = header["config"]
    if config["name"] != "spynet":
        raise UserError(f"{path}: is an export of '{config['name']}'; a flow network (spynet) is shipped")
    made = _without_folders(header["provenance"]) | {"full_precision": digest}
    before = [_without_folders(read_export(e)[0]["provenance"]) for e in earlier]
    header["provenance"] = made | ({"earlier": before} if before else {})
    halves = {name: tensor.half() for name, tensor in tensors.items()}
    return write_export(out or shipped_flow(tuple(config["widths"])), halves, header)


def _without_folders(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_folders(inner) for inner in value]
    return re.sub(r"(^|=)/\S*/", r"\1", value) if isinstance(value, str) else value


if __name__ == "__main__":
    try:
        print(ship(Path(sys.argv[1]), [Path(e) for e in sys.argv[2:]]))
    except (UserError, IndexError) as error:
        sys.exit(f"error: {error}" if isinstance(error, UserError) else f"usage: {__doc__}")
