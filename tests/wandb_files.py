"""Reading back what wandb wrote offline."""

import json
import struct
import time


def messages(content):
    """The messages of a wandb run file: LevelDB's log format after a header of 7 bytes."""
    block, header, position, message = 32768, 7, 7, b""
    while position + header <= len(content):
        if block - position % block < header:
            position += block - position % block
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        message += content[position + header : position + header + length]
        position += header + length
        if kind in (1, 4):  # whole, or the last of its parts
            yield message
            message = b""


def records_of(folder):
    """Every record of the one offline run below ``folder``, once the run's end has reached the disk."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    end = time.monotonic() + 60
    while True:
        records = [Record.FromString(message) for message in messages(path.read_bytes())]
        if any(r.WhichOneof("record_type") == "exit" for r in records) or time.monotonic() > end:
            return records
        time.sleep(0.1)


def history(records):
    """Rows of the history, by metric."""
    items = [{".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in r.history.item} for r in records]
    return [row for row in items if row]


def read_table(folder, row, key):
    """The rows of a table that a row of the history names."""
    (run,) = folder.glob("wandb/offline-run-*")
    table = json.loads((run / "files" / row[f"{key}.path"]).read_text())
    return [dict(zip(table["columns"], values, strict=True)) for values in table["data"]]
