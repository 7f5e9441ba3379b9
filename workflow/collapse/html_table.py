"""A table as one self-contained HTML page, for the report."""

import html
from pathlib import Path
from typing import Any

import pandas as pd

STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #222; }
table { border-collapse: collapse; }
th, td { padding: .3em .7em; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top; }
th { border-bottom: 2px solid #888; white-space: nowrap; }
.long { min-width: 20em; }
.holds { color: #0a7d33; font-weight: 600; } .fails { color: #b3261e; font-weight: 600; }
.inconclusive, .undefined { color: #9a6700; font-weight: 600; }
"""


def page(table: Path, title: str) -> str:
    """HTML of a CSV file: numbers to four digits, verdicts in colour, every cell escaped."""
    rows = pd.read_csv(table, keep_default_na=False)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows.itertuples(index=False))
    return (
        f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style>\n<h1>{html.escape(title)}</h1>\n<table>\n<tr>{head}</tr>\n{body}</table>\n"
    )


def _cell(value: Any) -> str:
    try:
        text = f"{float(value):.4g}" if "." in str(value) else str(value)
    except ValueError:
        text = str(value)
    style = text if text in ("holds", "fails", "inconclusive", "undefined") else "long" if len(text) > 40 else ""
    return f'<td class="{style}">{html.escape(text)}</td>'
