"""Whether septuplets are whole: the seven frames of every one that the official lists name."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lvc.config.data import Vimeo90kConfig
from lvc.datasets.png import read_png
from lvc.datasets.vimeo90k import FRAMES, Vimeo90kClips
from lvc.errors import UserError
from lvc.files import replacing

SHOWN = 24
"""Pictures in the contact sheet."""

_HEAD, _TAIL = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def check(out: Path, decode: bool = False) -> Path:
    """Check every septuplet of both lists and write ``out/report.html``.

    Args:
        out: Folder with ``sequences/`` and the lists.
        decode: Decode frames instead of looking at their first and last bytes.

    Returns:
        The report.

    Raises:
        UserError: When the folder is laid out otherwise; after the report, when septuplets are not whole.
    """
    names = {split: Vimeo90kClips(str(out), split).clips for split in ("train", "test")}
    bad = {name: what for part in names.values() for name in part if (what := _wrong(out, name, decode))}
    _write_report(out, names, bad)
    for split, part in names.items():
        print(f"{split}: {len(part)} septuplets, {sum(name in bad for name in part)} not complete", flush=True)
    if bad:
        name, what = next(iter(bad.items()))
        raise UserError(
            f"{out}: {len(bad)} septuplets are not complete ({name}: {what}); {out / 'report.html'} has all"
        )
    return out / "report.html"


def _wrong(out: Path, name: str, decode: bool) -> str:
    """What is wrong with a septuplet, empty if nothing is."""
    for number in range(1, FRAMES + 1):
        path = out / "sequences" / name / f"im{number}.png"
        try:
            width, height = read_png(path).shape[1::-1] if decode else _size(path)
        except (OSError, UserError, ValueError) as error:
            return f"{path.name}: {getattr(error, 'strerror', None) or error}"
        if (width, height) != (Vimeo90kConfig.width, Vimeo90kConfig.height):
            return f"{path.name}: {width}x{height}"
    return ""


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG file that begins and ends as one (PNG specification, 5.2 and 11.2.2)."""
    with open(path, "rb") as file:
        head = file.read(24)
        file.seek(-min(len(_TAIL), path.stat().st_size), 2)
        if not head.startswith(_HEAD) or file.read() != _TAIL:
            raise ValueError("no whole PNG file")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _write_report(out: Path, names: dict[str, list[str]], bad: dict[str, str]) -> None:
    from data.build_report import environment

    whole = [name for part in names.values() for name in part if name not in bad]
    chosen = [whole[i] for i in np.unique(np.linspace(0, len(whole) - 1, SHOWN).round().astype(int))] if whole else []
    record = out / "archive.json"
    context: dict[str, Any] = {
        "title": "Vimeo-90K septuplets",
        "folder": str(out),
        "archive": json.loads(record.read_text()) if record.is_file() else None,
        "lists": [{"name": n, "listed": len(p), "bad": sum(c in bad for c in p)} for n, p in names.items()],
        "both": len(set(names["train"]) & set(names["test"])),
        "bad": list(bad.items()),
        "sheet": [(name, _picture(out / "sequences" / name / "im4.png")) for name in chosen],
    }
    with replacing(out / "report.html") as part:
        part.write_text(environment().get_template("septuplets.html.j2").render(context), encoding="utf-8")


def _picture(path: Path) -> str:
    image = Image.fromarray(read_png(path)).resize((160, 91))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=75)
    return base64.b64encode(data.getvalue()).decode()
