"""The page itself: contents and kept JavaScript libraries in one HTML file that asks no network for anything."""

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import itables
import pandas as pd
import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from collapse.atlas.contents import VERDICTS, PaperView, written
from collapse.atlas.runs import PLACE, MeasuredRun, last_values, told_apart
from collapse.data.entries import dataset_title
from collapse.metrics.entries import METRICS
from collapse.models.entries import network_title

FOLDER = Path(__file__).parent / "page"


def packed(text: str) -> str:
    """Text as the page carries it: gzip, which every browser of 2023 unpacks, in base64."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def libraries() -> dict[str, str]:
    """The kept libraries, out of installed packages: Vega-Lite with what embeds it, and DataTables with its style."""
    folder = Path(itables.__file__).parent / "html"
    return {
        "vega": vl_convert.javascript_bundle(),  # pyright: ignore[reportCallIssue] (its stub knows no default)
        "datatables": (folder / "dt_bundle.js").read_text(),
        "datatables-style": (folder / "dt_bundle.css").read_text(),
    }


def matrix(runs: Sequence[MeasuredRun], metrics: pd.DataFrame, papers: Sequence[PaperView]) -> dict[str, Any]:
    """Every measure of every run at its last epoch, for the page: runs by number, and of each measure the numbers of
    the runs that have it with their values, or why they have none.
    """
    numbers = {run.folder: number for number, run in enumerate(runs)}
    settings = told_apart(runs)
    verdicts: dict[str, dict[str, None]] = {}
    for paper in papers:
        for claim in paper.claims:
            verdicts.setdefault(f"{paper.name}/{claim.row['table']}", {})[claim.row["verdict"]] = None
    measures = []
    for _, rows in last_values(metrics).groupby([*PLACE, "measuring"], observed=True, sort=False):
        reasons = [None if pd.isna(reason) else str(reason) for reason in rows["reason"]]
        measures.append(
            {name: str(rows[name].iloc[0]) for name in (*PLACE, "measuring")}
            | {
                "runs": [numbers[run] for run in rows["run"]],
                "values": [written(value) for value in rows["value"]],
                "reasons": {i: reason for i, reason in enumerate(reasons) if reason},
            }
        )
    return {
        "settings": settings,
        "runs": [
            {
                "folder": run.folder,
                "tables": run.tables,
                "verdicts": [*dict.fromkeys(v for table in run.tables for v in verdicts.get(table, ()))],
                "settings": [written(run.settings.get(name)) for name in settings],
                "status": run.how["status"],
                "reason": run.how["reason"],
                "seconds": round(run.how["seconds"], 1),
                "device": run.how["device"],
                "torch": run.how["versions"]["torch"],
                "finished": run.how["finished"][:16],
                "commit": str(run.how["git"])[:12],
            }
            for run in runs
        ],
        "measures": measures,
        "meanings": {measure["metric"]: METRICS[measure["metric"]].meaning for measure in measures},
    }


def page(
    scale: str,
    papers: Sequence[PaperView],
    runs: Sequence[MeasuredRun],
    metrics: pd.DataFrame,
) -> str:
    """HTML of the atlas of one scale. `metrics`: of collapse.atlas.runs.all_metrics."""
    datasets = dict.fromkeys(run.folder.split("/")[0] for run in runs)
    networks = dict.fromkeys(run.folder.split("/")[1] for run in runs)
    data = {
        "tables": {name: table for paper in papers for name, table in paper.tables.items()},
        "figures": {f"{paper.name}/{figure.name}": figure.tables for paper in papers for figure in paper.figures},
        "matrix": matrix(runs, metrics, papers),
        "titles": {name: dataset_title(name) for name in datasets} | {name: network_title(name) for name in networks},
    }
    template = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    ).get_template("page.html.j2")
    return template.render(
        scale=scale,
        papers=papers,
        verdicts=VERDICTS,
        runs=len(runs),
        rows=len(metrics),
        style=(FOLDER / "page.css").read_text(),
        script=(FOLDER / "page.js").read_text(),
        data=packed(json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)),
        libraries={name: packed(text) for name, text in libraries().items()},
    )
