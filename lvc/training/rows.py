"""``metrics.csv``: a run's figures, whole at any moment."""

import csv
from pathlib import Path
from typing import Any

from lvc.files import replacing


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a log as text, none where there is no log; a last row that is torn is left out."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if (row.get("step") or "").isdigit() and None not in row.values()]


class Rows:
    """Adds rows to a log. A row with a column of its own replaces the file, all or nothing; others are appended.

    Args:
        path: The file.
        step: Rows of an earlier part beyond this step are dropped, because they will come again.
        anew: So are all rows of this stage, which begins anew.
    """

    def __init__(self, path: Path, step: int, anew: str | None = None):
        self.path = path
        known = read_rows(path)
        rows = [row for row in known if int(row["step"]) <= step and (anew is None or row.get("stage_name") != anew)]
        self._columns = sorted({key for row in rows for key, value in row.items() if value})
        if path.is_file():
            self._replace(rows)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row of figures by column."""
        new = row.keys() - set(self._columns)
        if new:
            self._columns = sorted({*self._columns, *new})
            self._replace([*read_rows(self.path), row])
            return
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns).writerow(row)

    def _replace(self, rows: list[dict[str, Any]]) -> None:
        with replacing(self.path) as part, part.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
