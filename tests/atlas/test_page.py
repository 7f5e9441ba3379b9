"""The page works in a browser without a network: nothing is asked for, filters filter, links lead somewhere."""

import gzip
import shutil
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import sync_playwright

from collapse.atlas.contents import ClaimView, FigureView, PaperView, data_uri, written
from collapse.atlas.page import packed, page
from collapse.atlas.runs import MeasuredRun, all_metrics, last_values, one_kind, told_apart

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
RATIOS = (1.0, 70.0, float("inf"))
VALUE = 0.1234  # NC1 on test at the last epoch, of seed 1 at ratio 70


def claim(name, verdict, statement):
    row = dict.fromkeys(("published", "source", "at", "reason", "spread"), "") | {
        "claim": name, "verdict": verdict, "statement": statement, "figure": "fig1", "table": "fig1",
        "ours": "0.5", "n": "3", "condition": "> 0",
    }  # fmt: skip
    return ClaimView(row, {"small": "holds"}, "", 6, ("abc",))


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    picture = tmp_path_factory.mktemp("picture") / "figure.png"
    Image.new("RGB", (30, 20)).save(picture)
    runs, rows = [], []
    for ratio in RATIOS:
        for seed in (0, 1):
            how = {"status": "ok", "reason": "", "seconds": 1.0, "device": "cpu", "versions": {"torch": "2"}}
            how |= {"finished": "2026-01-01T00:00:00", "git": "abcdef"}
            settings = {"dataset": "digits", "model": "mlp", "seed": seed, "ratio": ratio}
            folder = f"digits/mlp/{ratio}-abc/seed-{seed}"
            runs.append(MeasuredRun(folder, ("mine/fig1",), ("all",), settings, how))
            for epoch, split, value in (
                (5, "test", 9.0),
                (10, "train", 0.01),
                (10, "test", VALUE if (ratio, seed) == (70, 1) else 0.2),
            ):
                rows.append((folder, "all", epoch, "nc1", "features", split, "eval", "all", value, None))
    names = ["run", "measuring", "epoch", "metric", "layer", "split", "bn_mode", "classes", "value", "reason"]
    keys = [(ratio, seed) for ratio in RATIOS for seed in (0, 1)]
    curve = {"ratio": [written(ratio) for ratio, _ in keys], "seed": [seed for _, seed in keys]}
    curve |= {"cosine": [0.1, 0.2, 0.3, 0.4, 1, 1]}
    points = {"kind": ["mean", "sample"], "split": ["train", "train"], "epoch": [1, 1], "seed": [0, 0]}
    points |= {"true_label": [0, 1], "x1": [0.1, 0.2], "x2": [0.3, 0.1], "x3": [0.2, 0.5]}
    tables = {
        "mine/fig1": {"title": "T", "keys": ["ratio"], "values": ["cosine"], "columns": curve, "points": False},
        "mine/fig2": {"title": "P", "keys": ["split"], "values": [], "columns": points, "points": True},
    }
    claims = [claim("rises", "holds", "It rises & <b>rises</b>"), claim("falls", "fails", "It falls")]
    figures = [FigureView(f"fig{i}", "A figure", "", (f"mine/fig{i}",), data_uri(picture)) for i in (1, 2)]
    paper = PaperView("mine", "My paper", "Me 2026", "none", claims, figures, tables)
    text = page("demo", [paper], runs, pd.DataFrame(rows, columns=names))
    path = tmp_path_factory.mktemp("page") / "atlas.html"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_the_page_carries_unpacks_to_the_same():
    assert gzip.decompress(b64decode(packed("NC1 → 0"))).decode() == "NC1 → 0"


def test_infinity_and_missing_values_are_no_numbers_of_json():
    assert [written(value) for value in (np.inf, -np.inf, np.nan, 2.0, 0.123456789)] == ["∞", "-∞", None, 2, 0.123457]


def test_the_last_epoch_is_each_runs_own():
    places = {"metric": "nc1", "layer": "features", "value": 1.0, "measuring": "all"}
    places |= {"split": "train", "bn_mode": "eval", "classes": "all"}
    metrics = pd.DataFrame([{"run": run, "epoch": epoch} | places for run, epoch in (("a", 1), ("a", 5), ("b", 2))])
    assert last_values(metrics).epoch.tolist() == [5, 2]
    assert last_values(metrics.assign(layer="relu3")).empty  # a hidden layer, which other networks lack


def test_settings_that_tell_runs_apart_are_those_with_several_values():
    runs = [MeasuredRun("", (), (), {"dataset": "digits", "ratio": ratio}, {}) for ratio in (1, 70)]
    assert told_apart(runs) == ["ratio"]


def test_a_column_of_numbers_and_text_is_text_and_one_of_numbers_and_gaps_stays():
    assert one_kind(pd.Series([1, "all"], dtype=object)).tolist() == ["1", "all"]
    assert one_kind(pd.Series([1.0, None])).dtype == float


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """The page in a browser without a network, and what it said and asked for."""

    def __init__(self, browser, html, width=1600, scheme="light", at=""):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        self.page, self.said, self.asked = context.new_page(), [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(html.as_uri() + at)
        self.page.wait_for_selector("html[data-ready=yes]")

    def shown(self):
        return self.page.locator(".claim:visible .statement").all_inner_texts()

    def network(self):
        return [url for url in self.asked if not url.startswith(("file:", "data:", "blob:"))]


@pytest.mark.parametrize(("width", "scheme"), [(1600, "light"), (1600, "dark"), (390, "light"), (390, "dark")])
def test_everything_opens_without_an_error_a_request_or_a_fault_of_contrast(browser, html, width, scheme):
    opened = Opened(browser, html, width, scheme)
    for place in opened.page.locator("main details.claim, main details.figure").all():
        place.locator("summary").first.click()
    opened.page.locator("#matrix").scroll_into_view_if_needed()
    opened.page.wait_for_selector("#matrix-table tbody tr")
    opened.page.wait_for_selector("#matrix-chart svg.marks")
    opened.page.locator(".explorers svg.marks").nth(1).wait_for()
    assert opened.said == []
    assert opened.network() == []
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    faults = Axe().run(opened.page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []


def test_claims_are_searched_filtered_and_ordered(browser, html):
    opened = Opened(browser, html)
    assert opened.shown() == ["It rises & <b>rises</b>", "It falls"]
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("FALLS")
    assert opened.shown() == ["It falls"]
    opened.page.fill("[name=text]", "")
    opened.page.select_option("[name=order]", "verdict")
    assert opened.shown()[0] == "It falls"
    opened.page.select_option("[name=verdict]", "holds")
    assert opened.shown() == ["It rises & <b>rises</b>"]
    opened.page.locator("h1").click()
    opened.page.keyboard.press("j")
    opened.page.keyboard.press("Enter")
    opened.page.locator(".claim[open] img").wait_for()


def test_every_link_leads_to_a_place_of_the_page(browser, html):
    opened = Opened(browser, html)
    links = [a.get_attribute("href") for a in opened.page.locator("a[href]:not(.vega-actions a)").all()]
    assert links
    for link in links:
        assert link.startswith("#")
        place = link.removeprefix("#").split("?")[0]
        assert opened.page.locator(f'[id="{place}"]').count() == 1, link


def test_a_link_opens_its_claim_and_its_selection(browser, html):
    assert Opened(browser, html, at="#claim/mine/falls").page.locator(".claim[open]").count() == 1
    assert Opened(browser, html, at="#claims?paper=mine&verdict=fails").shown() == ["It falls"]
    chosen = Opened(browser, html, at="#matrix?measure=nc1, features, test&ratio=70&seed=1").page
    chosen.wait_for_selector("#matrix-table tbody tr")
    assert chosen.locator("#matrix-table tbody tr").count() == 1


def test_nc1_on_test_of_seed_1_at_ratio_70_is_three_choices_away(browser, html):
    page = Opened(browser, html).page
    page.locator("#matrix").scroll_into_view_if_needed()
    page.wait_for_selector("#matrix-table tbody tr")
    page.select_option("#matrix-form [name=measure]", label="nc1, features, test")
    page.select_option("#matrix-form [name=only-ratio]", "70")
    page.select_option("#matrix-form [name=only-seed]", "1")
    page.wait_for_function("document.querySelectorAll('#matrix-table tbody tr').length === 1")
    assert page.locator("#matrix-table tbody td").first.inner_text() == str(VALUE)


def test_of_two_measurings_what_they_agree_on_is_kept_once_and_what_differs_twice(tmp_path):
    head = "epoch,split,layer,bn_mode,classes,metric,value,reason\n"
    same, other = "1,train,features,eval,all,nc1,", "1,held_out,network,eval,all,accuracy,"
    fit = "1,train,layers,eval,all,decay_ratio,"
    for name, nc1, accuracy, ratio in (
        ("features", "0.5", "0.9", "fewer than 3 layers"),
        ("all", "0.5000000001", "0.8", "0.3"),
    ):
        folder = tmp_path / "runs/a/b/c/seed-0" / name
        folder.mkdir(parents=True)
        lines = [f"{same}{nc1},", f"{other}{accuracy},", f"{other.replace('held_out', 'test')},none"]
        lines.append(f"{fit},{ratio}" if name == "features" else f"{fit}{ratio},")
        (folder / "metrics.csv").write_text(head + "".join(f"{line}\n" for line in lines))
    settings = {"dataset": "a", "model": "b", "seed": 0}
    run = MeasuredRun("a/b/c/seed-0", ("mine/fig1",), ("features", "all"), settings, {"status": "ok"})
    metrics = all_metrics([run], tmp_path)
    values = metrics.value.fillna(-1).tolist()
    assert sorted(values) == [-1, 0.3, 0.5, 0.8, 0.9]
    last = last_values(metrics).set_index("value").measuring
    assert (last[0.5], last[0.3], last[0.9], last[0.8]) == ("", "", "features", "all")
