"""Pictures of an evaluation as data that a page can hold."""

import base64
from pathlib import Path
from typing import Any

from lvc.evaluation.curves import at_like_rates
from lvc.evaluation.records import Record

_TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".webp": "image/webp"}


def data_uri(path: Path) -> str:
    """A picture file as text that HTML can hold."""
    return f"data:{_TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def crops(records: list[Record]) -> list[dict[str, str]]:
    """Of one sequence: the original and each codec at like rates."""
    pictured = [r for r in records if r.crop and Path(r.crop).is_file() and not r.error]
    if not pictured:
        return []
    found = [{"picture": data_uri(Path(pictured[0].crop_original)), "title": "original", "caption": ""}]
    for r in at_like_rates(pictured):
        caption = f"{r.bpp:.4f} bpp, {r.psnr:.2f} dB"
        found.append({"picture": data_uri(Path(r.crop)), "title": f"{r.codec}, {r.point}", "caption": caption})
    return found


def motion(records: list[Record]) -> list[dict[str, str]]:
    """Of one sequence: pictures of motion at like rates, and what they show."""
    shown = [r for r in records if r.motion and Path(r.motion["picture"]).is_file() and not r.error]
    return [_motion(r, r.motion) for r in at_like_rates(shown)] if shown else []


def _motion(record: Record, facts: dict[str, Any]) -> dict[str, str]:
    scale = f", told from frames at 1/{facts['factor']}" if facts["factor"] else ""
    warped = f", warped reference {facts['warped']:.2f} dB" if "warped" in facts else ""
    caption = (
        f"frame {facts['frame']}: motion up to {facts['largest']:.1f} pixels{scale}{warped}, "
        f"prediction {facts['prediction']:.2f} dB"
    )
    return {
        "picture": data_uri(Path(facts["picture"])),
        "title": f"{record.codec}, {record.point}",
        "caption": caption,
    }
