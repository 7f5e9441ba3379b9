"""Results of one scale -> the atlas page, and the table of all metrics of all runs; of whatever exists."""

import argparse
from pathlib import Path

from collapse.atlas.contents import paper_view
from collapse.atlas.page import page
from collapse.atlas.runs import all_metrics, measured_runs
from collapse.config import Config
from collapse.own import register
from collapse.paper_files import load_papers
from collapse.project import plan_of

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--config", type=Config.model_validate_json, required=True, help="JSON of the configuration")
parser.add_argument("--papers", type=Path, required=True, help="folder config/papers")
parser.add_argument("--page", type=Path, required=True)
parser.add_argument("--metrics", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    config, results = args.config, Path(args.config.results)
    register(config)
    papers = load_papers(args.papers)
    plans = [plan_of(paper, config.scale, config) for paper in papers if config.scale in paper.scales]
    runs = measured_runs(plans, results)
    metrics = all_metrics(runs, results)
    metrics.to_parquet(args.metrics, index=False)
    views = [view for plan in plans if (view := paper_view(plan, results, runs))]
    args.page.write_text(page(config.scale, views, runs, metrics), encoding="utf-8")
    print(f"{args.page}: {args.page.stat().st_size / 1e6:.1f} MB; {len(views)} papers, {len(runs)} runs")
    print(f"{args.metrics}: {len(metrics)} values")
