"""Judges the pictures of a folder of cases: ``python bench/quality.py CASES_DIR --out REPORT_DIR``.

The pipeline runs embedded on every case. Agreement with the references, and faults that need no
reference, are measured and written to one report. docs/quality/README.md explains the figures. A
second run into the same folder makes only the pictures whose code or photos have changed.
``--compare OTHER_REPORT_DIR`` compares two reports.
"""

import argparse
import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.measures.agreement import Figures
from bench.measures.case_figures import judge
from bench.reports import compare, report, sheets
from bench.reports.report import CasePictures, Run
from bench.runs import cases
from bench.runs.cases import Case, CaseError
from bench.runs.engine import ROOT, Engine, RunResult, fingerprint
from services.kit import labels, logs
from services.kit.errors import TryOnError
from services.kit.settings import get_settings


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path, help="folder with one folder a case")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="names of cases to take")
    parser.add_argument(
        "--uploads",
        action="store_true",
        help="take the photos as uploaded even where enlarged ones lie beside them",
    )
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        metavar="CASE:REFERENCE",
        help=f"references that are known to be wrong; one of {', '.join(cases.REFERENCES)}",
    )
    parser.add_argument("--fresh", action="store_true", help="make every picture anew")
    parser.add_argument("--compare", type=Path, metavar="REPORT_DIR", help="an earlier report")
    arguments = parser.parse_args()
    logs.configure(get_settings().model_copy(update={"log_level": "warning"}))
    console = Console()
    try:
        found = _chosen(arguments)
    except CaseError as error:
        sys.exit(str(error))
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures, failed, shown = asyncio.run(_measure(found, arguments, console))
    run = Run(
        commit=_commit(),
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        threads=get_settings().threads,
        folder=arguments.cases.resolve().name,
        photos="uploaded" if arguments.uploads else "enlarged",
    )
    written = report.write(arguments.out, run, figures, failed, shown)
    console.print(Markdown(report.markdown(written)))
    if arguments.compare:
        try:
            console.print(Markdown(compare.write(arguments.out, arguments.compare)))
        except (OSError, ValueError, KeyError) as error:
            sys.exit(
                f"{arguments.compare} is not a report that this one could be held against: {error}"
            )
    if failed:
        sys.exit(f"{len(failed)} of {len(found)} cases failed.")


def _chosen(arguments: argparse.Namespace) -> list[Case]:
    folder: Path = arguments.cases
    found = [cases.read_case(path, uploads=arguments.uploads) for path in cases.find_cases(folder)]
    names = [case.name for case in found]
    if unknown := set(arguments.only or []) - set(names):
        raise CaseError(f"{folder} has no case {', '.join(sorted(unknown))}.")
    for wrong in arguments.without:
        name, _, reference = wrong.rpartition(":")
        if name not in names or reference not in cases.REFERENCES:
            raise CaseError(f"{wrong} is not CASE:REFERENCE, such as {names[0]}:mask.")
        at = names.index(name)
        found[at] = cases.without_reference(found[at], reference)
    return [case for case in found if not arguments.only or case.name in arguments.only]


async def _measure(
    found: list[Case], arguments: argparse.Namespace, console: Console
) -> tuple[dict[str, Figures], dict[str, str], dict[str, CasePictures]]:
    """Judge one case after the other; collect the reasons of those that fail."""
    figures: dict[str, Figures] = {}
    failed: dict[str, str] = {}
    shown: dict[str, CasePictures] = {}
    (arguments.out / "made").mkdir(exist_ok=True)
    (arguments.out / "pictures").mkdir(exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    async with AsyncExitStack() as stack:
        bar = stack.enter_context(Progress(*columns, TimeElapsedColumn(), console=console))
        task = bar.add_task("cases", total=len(found))
        engine: Engine | None = None
        for case in found:
            bar.update(task, description=f"case {case.name}")
            kept = arguments.out / "made" / f"{case.name}-{_key(case, arguments)}.npz"
            if arguments.fresh or not kept.is_file():
                if engine is None:
                    engine = await stack.enter_async_context(Engine.started())
                try:
                    run = await engine.make(case)
                except TryOnError as error:
                    failed[case.name] = f"{error.stage}: {error.message}"
                    bar.advance(task)
                    continue
                for old in kept.parent.glob(f"{case.name}-*.npz"):
                    old.unlink()
                run.save(kept)
            run = RunResult.load(kept)
            judged = await asyncio.to_thread(judge, case, run)
            figures[case.name] = judged.figures
            shown[case.name] = CasePictures(
                person=run.person,
                garment=run.garment,
                try_on_canvas=run.try_on_canvas,
                ancestor=case.result,
                labels=labels.colourise(run.labels),
                faults=sheets.draw_faults(run.try_on_canvas, judged.faults),
            )
            report.save(run.try_on_canvas, arguments.out / "pictures" / f"{case.name}.png")
            bar.advance(task)
    return figures, failed, shown


def _key(case: Case, arguments: argparse.Namespace) -> str:
    return fingerprint(case, uploads=arguments.uploads)


def _commit() -> str:
    """Return the commit, with a plus if the working tree differs."""
    command = ("git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


if __name__ == "__main__":
    main()
