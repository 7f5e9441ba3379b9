"""Every recipe of every paper and scale, a line of JSON each: paper, scale, seeds, recipe."""

import json
from pathlib import Path

from collapse.config import Config
from collapse.paper import load_paper
from collapse.plan import Plan

PAPERS = Path(__file__).parents[2] / "config" / "papers"

if __name__ == "__main__":
    seeds = Config().seeds
    for path in sorted(PAPERS.glob("*.yaml")):
        paper = load_paper(path)
        for scale in paper.scales:
            for recipe in Plan(paper, scale, seeds).recipes.values():
                line = {"paper": paper.name, "scale": scale, "seeds": len(seeds)}
                print(json.dumps(line | {"recipe": recipe.model_dump(mode="json")}))
