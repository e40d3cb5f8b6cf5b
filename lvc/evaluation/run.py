"""An evaluation from configuration to report."""

import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from lvc.config.evaluate import EvaluateConfig
from lvc.datasets.sequences import Source, check, open_sequences
from lvc.errors import UserError
from lvc.evaluation.brought import of_sequences, read_curves
from lvc.evaluation.environment import environment
from lvc.evaluation.frames import as_columns, write_frames_csv
from lvc.evaluation.measure import Measurement
from lvc.evaluation.metrics import bits_per_pixel
from lvc.evaluation.records import Key, Record, RecordStore, check_comparable, each_once, load_records, write_csv
from lvc.evaluation.report.exports import write_exports
from lvc.evaluation.report.page import write_report
from lvc.evaluation.results import Results, write_results
from lvc.evaluation.systems import System, find_systems
from lvc.evaluation.work import Job, TimeLeft, run_jobs
from lvc.training.alone import alone

SMALL = 64
"""Sides below which an encoder's refusal is the clip's fault and not that of its options."""


def evaluate(config: EvaluateConfig, say: Callable[[str], None] = print) -> Path:
    """Measure every codec on every sequence, then write records, tables, plots and the report.

    Everything that can be wrong with exports, options and videos is found before the first frame is coded. Each
    measurement is on disk as soon as it is made; a later run with the same output takes it up from there.

    Args:
        config: What to evaluate.
        say: Takes each line meant for the user.

    Returns:
        The report's path.

    Raises:
        UserError: Nothing to evaluate, unreadable or short videos, unlike records, an unknown anchor; and, once
            the report is written, decoded frames that differ from the encoder's reconstruction.
    """
    if config.threads:
        import torch

        torch.set_num_threads(config.threads)
    with alone(Path(config.output), "output", "measures"):
        return _evaluate(config, say)


def _evaluate(config: EvaluateConfig, say: Callable[[str], None]) -> Path:
    output = Path(config.output)
    store = RecordStore(output / "records")
    systems = find_systems(config)
    earlier = [record for folder in config.records for record in load_records(Path(folder))]
    curves = {path: read_curves(Path(path)) for path in config.curves}
    shown = [*earlier, *chain(*curves.values())]
    _check_anchor(config.bdrate.anchor, [s.codec for s in systems] + [r.codec for r in shown])
    sources = [check(sequence, config.protocol) for sequence in open_sequences(config.dataset)]
    names = [source.name for source in sources]
    earlier += chain(*(of_sequences(Path(path), found, names) for path, found in curves.items()))
    records = _measure_all(config, systems, sources, store, say) + earlier
    check_comparable(records)
    records = each_once(records)
    report = _write(config, records, output)
    say(report.table())
    say(f"report: {report.path}")
    if config.logger.wandb:
        from lvc.evaluation.tracking import log_results

        log_results(config, report)
    _raise_errors(records)
    return report.path


def _check_anchor(anchor: str, codecs: list[str]) -> None:
    if anchor not in codecs:
        raise UserError(f"bdrate.anchor: '{anchor}' is not evaluated; choices are: {', '.join(dict.fromkeys(codecs))}")


def _measure_all(
    config: EvaluateConfig,
    systems: list[System],
    sources: list[Source],
    store: RecordStore,
    say: Callable[[str], None],
) -> list[Record]:
    jobs = [(system, source) for source in sources for system in systems]
    records: dict[Job, Record] = {}
    left = TimeLeft(jobs, config.jobs)
    for done in run_jobs(jobs, lambda system, source: _record(config, system, source, store), config.jobs):
        records[done.job] = record = done.record
        left.finish(done)
        how = record.error or ("from an earlier run" if done.reused else f"{done.seconds:.1f} s")
        figures = "" if record.psnr is None else f"{record.bpp:.4f} bpp, {record.psnr:.2f} dB "
        place = f"[{len(records)}/{len(jobs)}] {record.sequence} {record.codec} {record.point}"
        say(f"{place}: {figures}({how}{left})")
    order = [s.codec for s in systems]
    return sorted((records[job] for job in jobs), key=lambda r: order.index(r.codec))


def _record(config: EvaluateConfig, system: System, source: Source, store: RecordStore) -> tuple[Record, bool]:
    """One measurement, from an earlier run where there is one."""
    key = Key(system.settings, source.name, source.describe(), _protocol(config))
    found = store.find(key, system.name) if config.reuse else None
    if found:
        return found.renamed(system.codec, system.point), True
    stem = store.stem(key, system.name)
    target = Path(f"{stem}{system.suffix}")
    try:
        measured = system.measure(source, target)
        return store.write(_assemble(key, system, source, measured, stem), system.name), False
    except UserError as error:
        if system.settings["kind"] != "traditional" or min(source.width, source.height) >= SMALL:
            raise
        return store.write(_failed(key, system, str(error)), system.name), False
    except OSError as error:
        raise UserError(f"output: cannot write to {store.folder}: {error.strerror or error}") from None
    finally:
        if not config.keep_streams:
            target.unlink(missing_ok=True)


def _protocol(config: EvaluateConfig) -> dict:
    """What must be equal for numbers to be comparable; frames are counted per source."""
    chosen = asdict(config.protocol)
    return {name: chosen[name] for name in ("name", "intra_period", "metrics")}


def _assemble(key: Key, system: System, source: Source, measured: Measurement, stem: Path) -> Record:
    quality = measured.quality.summary()
    return Record(
        key=key,
        codec=system.codec,
        point=system.point,
        bytes=measured.bytes,
        file_bytes=measured.file_bytes,
        bpp=bits_per_pixel(measured.bytes, source.width, source.height, source.count),
        **{**quality, "per_frame": quality["per_frame"] | as_columns(measured.frames)},
        stream_bits=measured.stream_bits,
        seconds=measured.seconds,
        **measured.crop.save(stem),
        motion=measured.motion.save(stem) if measured.motion else None,
        error=measured.error,
        environment={**environment(), **system.facts},
    )


def _failed(key: Key, system: System, why: str) -> Record:
    """The record of what an encoder does not code."""
    return Record(
        key=key,
        codec=system.codec,
        point=system.point,
        bytes=0,
        file_bytes=0,
        bpp=0.0,
        psnr=None,
        psnr_8bit=None,
        ms_ssim=None,
        ms_ssim_missing=None,
        per_frame={},
        stream_bits={},
        seconds={},
        error=why,
        environment=environment(),
    )


def _write(config: EvaluateConfig, records: list[Record], output: Path) -> Results:
    try:
        (output / "config.json").write_text(json.dumps(asdict(config), indent=1))
        write_csv(records, output / "results.csv")
        write_frames_csv(records, output / "frames.csv")
        results = write_results(records, config.bdrate.anchor, config.bdrate.methods, output)
        write_exports(results, output / "exports")
        write_report(results)
        return results
    except OSError as error:
        raise UserError(f"output: cannot write to {output}: {error.strerror}") from None


def _raise_errors(records: list[Record]) -> None:
    wrong = [r for r in records if r.error]
    if wrong:
        first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise UserError(f"{first.codec} {first.point} on {first.sequence}: {first.error}{more}")
