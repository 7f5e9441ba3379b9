// The page's own code: filters and links of claims, curves of any table, and the chart and table of all runs.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
// Libraries are large: each is unpacked when the first chart or table needs it.
const once = (make) => { let made; return () => (made ??= [make()])[0]; };
const library = async (id) => import(URL.createObjectURL(new Blob([await unpacked(id)], { type: "text/javascript" })));
const vega = once(async () => { await library("library-vega"); return window.vegaEmbed; });
const datatables = once(async () => {
  document.head.append(element("style", { textContent: await unpacked("library-datatables-style") }));
  return (await library("library-datatables")).default;
});
const atlas = JSON.parse(await unpacked("data"));

// ---- dark and light ----
const root = document.documentElement;
function setTheme(theme) {
  root.dataset.theme = theme;
  root.classList.toggle("dark", theme === "dark"); // DataTables' word for it
}
function kept(name, value) { // storage is refused to files by some browsers
  try { return value === undefined ? localStorage.getItem(name) : localStorage.setItem(name, value); } catch { return null; }
}
setTheme(kept("atlas-theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
$("#theme").onclick = () => {
  setTheme(root.dataset.theme === "dark" ? "light" : "dark");
  kept("atlas-theme", root.dataset.theme);
  redraw.forEach((draw) => draw());
};
const redraw = new Set();
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

async function embed(place, spec) {
  const ink = colour("--ink"), line = colour("--line");
  const config = {
    background: "transparent", view: { stroke: line },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line },
    legend: { labelColor: ink, titleColor: ink }, title: { color: ink }, header: { labelColor: ink, titleColor: ink },
  };
  const actions = { export: true, source: false, compiled: false, editor: false };
  const embedVega = await vega();
  await embedVega(place, { $schema: "https://vega.github.io/schema/vega-lite/v6.json", ...spec }, { actions, config, renderer: "svg", mode: "vega-lite" });
  $$("summary", place).forEach((summary) => summary.setAttribute("aria-label", "Save this chart"));
}

// ---- one chart: a measure against an axis, a point for each seed and a line through the means ----
const isNumber = (value) => typeof value === "number";
function axis(rows, field, log) {
  const values = rows.map((row) => row[field]).filter((value) => value !== null && value !== undefined);
  const numeric = values.length > 0 && values.every(isNumber);
  const order = [...new Set(values)].sort((a, b) => (a === "∞") - (b === "∞") || (isNumber(a) && isNumber(b) ? a - b : 0));
  const positive = numeric && values.every((value) => value > 0);
  // Infinity has no place on a number line: an axis that has it shows its values in order, side by side.
  if (!numeric) return { field, type: "ordinal", sort: order, title: field };
  return { field, type: "quantitative", title: field, scale: log && positive ? { type: "log" } : { type: "linear", zero: false } };
}
function spansDecades(values) {
  const numbers = values.filter(isNumber);
  return numbers.length > 1 && numbers.every((v) => v > 0) && Math.max(...numbers) / Math.min(...numbers) > 30;
}
function lines(rows, { x, y, colourBy, facet, logX, logY, line, width }) {
  const tooltip = Object.keys(rows[0] ?? {}).map((field) => ({ field, format: isNumber(rows[0][field]) ? ".5~g" : undefined }));
  const color = colourBy && { field: colourBy, type: "nominal", title: colourBy, scale: { scheme: "tableau10" } };
  const common = { x: axis(rows, x, logX), ...(color && { color }) };
  const opacity = { condition: { param: "shown", value: 1 }, value: 0.06 };
  const legend = { name: "shown", select: { type: "point", fields: [colourBy] }, bind: "legend" };
  const layer = [{
    mark: { type: "point", filled: true, size: 34 }, ...(color && { params: [legend] }),
    encoding: { ...common, y: axis(rows, y, logY), tooltip, ...(color ? { opacity } : {}) },
  }];
  if (line) layer.push({
    mark: { type: "line" },
    encoding: { ...common, y: { ...axis(rows, y, logY), aggregate: "mean" }, ...(color ? { opacity } : {}) },
  });
  const data = { values: rows };
  if (!facet) return { data, layer, width, height: 300 };
  return { data, facet: { field: facet, type: "nominal", title: facet }, columns: Math.max(1, Math.floor(width / 320)), spec: { layer, width: 240, height: 200 } };
}

function choice(label, name, options, value) {
  const select = element("select", { name });
  for (const option of options) {
    const [text, given] = Array.isArray(option) ? option : [option, option];
    select.append(element("option", { value: given, textContent: text, selected: given === value }));
  }
  return element("label", {}, label, select);
}
const tick = (label, name, checked) => element("label", { className: "tick" }, element("input", { type: "checkbox", name, checked }), label);
const chosen = (form) => Object.fromEntries([...form.elements].filter((e) => e.name).map((e) => [e.name, e.type === "checkbox" ? e.checked : e.value]));

// ---- curves of a table ----
function rowsOf(table) {
  const names = Object.keys(table.columns);
  return (table.columns[names[0]] ?? []).map((_, i) => Object.fromEntries(names.map((name) => [name, table.columns[name][i]])));
}
const distinct = (rows, name) => [...new Set(rows.map((row) => row[name]))];

function explorer(name) {
  const table = atlas.tables[name], rows = rowsOf(table);
  if (!rows.length) return element("p", { textContent: `${name} has no rows.` });
  if (table.points) return turning(name, table, rows);
  const keys = table.keys.filter((key) => key in rows[0] && distinct(rows, key).length > 1);
  const sorted = [...keys].sort((a, b) => distinct(rows, b).filter(isNumber).length - distinct(rows, a).filter(isNumber).length);
  const x = ["epoch", "layer"].find((key) => keys.includes(key)) ?? sorted[0] ?? "seed";
  const rest = keys.filter((key) => key !== x);
  const y = table.values[0];
  const form = element("form", { className: "filters" },
    choice("value", "y", table.values, y), choice("against", "x", [...keys, ...("seed" in rows[0] ? ["seed"] : []), ...table.values], x),
    choice("colour", "colourBy", [["none", ""], ...rest, "seed"], rest[0] ?? ""), choice("panels", "facet", [["none", ""], ...rest], rest[1] ?? ""),
    tick("log x", "logX", spansDecades(distinct(rows, x))), tick("log y", "logY", spansDecades(distinct(rows, y))));
  const place = element("div", { className: "chart wide", tabIndex: 0 });
  place.setAttribute("role", "region");
  place.setAttribute("aria-label", `Chart of ${name}`);
  const said = element("p", { className: "where" });
  const box = element("div", {}, element("h4", { textContent: `${name}: ${table.title}` }), form, said, place);
  const draw = () => {
    const asked = chosen(form);
    const there = rows.filter((row) => isNumber(row[asked.y]));
    said.textContent = there.length < rows.length ? `${rows.length - there.length} of ${rows.length} rows are not drawn: ${asked.y} is missing or infinite.` : "";
    embed(place, lines(there, { ...asked, line: !table.values.includes(asked.x), width: Math.min(760, innerWidth - 150) }));
  };
  form.onchange = draw;
  form.onsubmit = (event) => event.preventDefault();
  redraw.add(draw);
  draw();
  return box;
}

// Points in three dimensions, which turn: two angles, as sliders, project them.
function turning(name, table, rows) {
  const values = (key) => distinct(rows, key);
  const form = element("form", { className: "filters" });
  const filtered = table.keys.concat("epoch", "split").filter((key, i, all) => all.indexOf(key) === i && key in rows[0] && values(key).length > 1);
  for (const key of filtered) {
    const there = values(key).filter((value) => value !== "-"); // vertices and classifiers belong to every split
    form.append(choice(key, key, there, key === "epoch" ? Math.max(...there) : there[0]));
  }
  const place = element("div", { className: "chart wide", tabIndex: 0 });
  place.setAttribute("role", "region");
  place.setAttribute("aria-label", `Points of ${name}, in three dimensions`);
  const three = rows.some((row) => isNumber(row.x3));
  const colours = "true_label" in rows[0] ? "true_label" : "kind";
  const draw = () => {
    const asked = chosen(form);
    const there = rows.filter((row) => filtered.every((key) => row[key] === "-" || String(row[key]) === asked[key]));
    const reach = 1.1 * Math.max(...there.map((row) => Math.hypot(row.x1 ?? 0, row.x2 ?? 0, row.x3 ?? 0)));
    const axisOf = (field) => ({ field, type: "quantitative", axis: null, scale: { domain: [-reach, reach] } });
    const angle = (param, value, most, label) => ({ name: param, value, bind: { input: "range", min: -most, max: most, step: 1, name: label } });
    embed(place, {
      data: { values: there }, width: 420, height: 420,
      params: three ? [angle("turn", 62, 180, "turn "), angle("tilt", 25, 90, "tilt ")] : [],
      transform: three ? [
        { calculate: "-sin(turn*PI/180)*datum.x1 + cos(turn*PI/180)*datum.x2", as: "across" },
        { calculate: "-sin(tilt*PI/180)*(cos(turn*PI/180)*datum.x1 + sin(turn*PI/180)*datum.x2) + cos(tilt*PI/180)*datum.x3", as: "up" },
      ] : [{ calculate: "datum.x1", as: "across" }, { calculate: "datum.x2", as: "up" }],
      mark: { type: "point", filled: true },
      encoding: {
        x: axisOf("across"), y: axisOf("up"), color: { field: colours, type: "nominal", scale: { scheme: "tableau10" } },
        shape: { field: "kind", type: "nominal" }, size: { field: "kind", type: "ordinal", scale: { domain: ["vertex", "mean", "classifier", "sample"], range: [220, 120, 110, 12] }, legend: null },
        tooltip: ["kind", colours, "x1", "x2", "x3"].map((field) => ({ field })),
      },
    });
  };
  form.onchange = draw;
  redraw.add(draw);
  draw();
  return element("div", {}, element("h4", { textContent: `${name}: ${table.title} (one seed)` }), form, place);
}

// ---- what opens ----
for (const figure of $$("details.figure")) figure.addEventListener("toggle", () => {
  const place = $(".explorers", figure);
  if (!figure.open || place.childElementCount) return;
  for (const table of atlas.figures[figure.id.replace("figure/", "")]) place.append(explorer(table));
});
for (const claim of $$("details.claim")) claim.addEventListener("toggle", () => {
  if (!claim.open) return;
  const picture = $(".picture", claim), image = document.getElementById(`figure/${claim.dataset.figure}`)?.querySelector("img");
  if (image && !picture.childElementCount) picture.append(image.cloneNode());
});
for (const opened of $$("main details[id]")) opened.addEventListener("click", (event) => {
  if (event.target.closest("summary")) history.replaceState(null, "", `#${opened.id}`);
});

// ---- claims: filter, order, keys ----
const filter = $("#claims-filter"), list = $("#claims-list"), claims = $$(".claim");
const RANK = ["fails", "inconclusive", "undefined", "holds"];
const ORDERS = {
  "": (a, b) => claims.indexOf(a) - claims.indexOf(b),
  verdict: (a, b) => RANK.indexOf(a.dataset.verdict) - RANK.indexOf(b.dataset.verdict) || claims.indexOf(a) - claims.indexOf(b),
  statement: (a, b) => $(".statement", a).textContent.localeCompare($(".statement", b).textContent),
};
function filterClaims() {
  const asked = chosen(filter), words = asked.text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const claim of [...claims].sort(ORDERS[asked.order])) {
    const text = claim.textContent.toLowerCase();
    const fits = (!asked.paper || claim.dataset.paper === asked.paper) && (!asked.verdict || claim.dataset.verdict === asked.verdict) && words.every((word) => text.includes(word));
    claim.hidden = !fits;
    shown += fits;
    list.append(claim);
  }
  $("#claims-shown").textContent = `${shown} of ${claims.length} claims`;
}
filter.oninput = filterClaims;
filter.onsubmit = (event) => event.preventDefault();
addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); filter.elements.text.focus(); }
  if (event.key !== "j" && event.key !== "k") return;
  const there = $$(".claim:not([hidden]) > summary"), at = there.indexOf(document.activeElement);
  there[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), there.length - 1)]?.focus();
});
let printing = [];
addEventListener("beforeprint", () => { printing = $$(".claim:not([hidden]):not([open])"); printing.forEach((claim) => (claim.open = true)); });
addEventListener("afterprint", () => printing.forEach((claim) => (claim.open = false)));

// ---- all runs ----
const all = atlas.matrix, matrixForm = $("#matrix-form");
const placeOf = (m) => `${m.metric}, ${m.layer === "-" ? "images" : m.layer}${m.split === "-" ? "" : `, ${m.split}`}${m.bn_mode === "train" ? ", batch norms as in training" : ""}${m.classes === "all" ? "" : `, ${m.classes} classes`}${m.measuring && `, measured as ${m.measuring}`}`;
const setting = (run, name) => run.settings[all.settings.indexOf(name)];
const valuesOf = (name) => [...new Set(all.runs.map((run) => setting(run, name)))].sort((a, b) => (isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b))));
const titled = (name) => [atlas.titles[name] ?? String(name), String(name)];
const FILTERS = {
  paper: (run) => run.tables.map((table) => table.split("/")[0]), table: (run) => run.tables, verdict: (run) => run.verdicts, status: (run) => [run.status],
  ...Object.fromEntries(all.settings.map((name) => [name, (run) => [String(setting(run, name))]])),
};
const FIRST = ["paper", "dataset", "model", "verdict", "ratio", "seed"]; // filters that are always in sight
const MOST = 60; // values of a setting that a list still shows
function matrixControls() {
  const numbers = all.measures.map((m, i) => [placeOf(m), String(i)]).sort((a, b) => a[0].localeCompare(b[0]));
  const first = numbers.find(([text]) => text === "nc1, features, train") ?? numbers[0];
  matrixForm.append(choice("measure", "measure", numbers, first[1]), choice("against", "x", all.settings, ["ratio", "epochs", "seed"].find((name) => all.settings.includes(name)) ?? all.settings[0]),
    choice("colour", "colourBy", ["paper", ...all.settings], "paper"), tick("log x", "logX", false), tick("log y", "logY", true));
  const more = element("div", { className: "filters" });
  for (const [name, of] of Object.entries(FILTERS)) {
    const values = name in FILTERS && all.settings.includes(name) ? valuesOf(name).map(titled) : [...new Set(all.runs.flatMap(of))].map((v) => [v, v]);
    if (values.length > 1 && (values.length <= MOST || name === "table")) (FIRST.includes(name) ? matrixForm : more).append(choice(name, `only-${name}`, [["all", ""], ...values], ""));
  }
  matrixForm.append(element("details", {}, element("summary", { textContent: "more filters" }), more));
}
let table, drawing = Promise.resolve();
const showMatrix = () => (drawing = drawing.then(drawMatrix)); // one after the other, as both draw into one place
async function drawMatrix() {
  if (!all.measures.length) { $("#matrix-said").textContent = "No run is measured yet."; return; }
  const asked = chosen(matrixForm), measure = all.measures[asked.measure];
  const only = Object.entries(FILTERS).filter(([name]) => asked[`only-${name}`]);
  const wanted = all.runs.map((run, i) => [run, i]).filter(([run]) => only.every(([name, of]) => of(run).includes(asked[`only-${name}`])));
  const at = new Map(measure.runs.map((run, i) => [run, i]));
  const why = (run, i) => at.has(i) && measure.values[at.get(i)] !== null ? "infinite" : measure.reasons[at.get(i)] ?? (run.status === "diverged" ? run.reason : "not measured of this run");
  const having = wanted.filter(([, i]) => at.has(i));
  const told = all.settings.filter((name) => new Set(having.map(([run]) => setting(run, name))).size > 1);
  const order = [...new Set([...told, ...all.settings])]; // what tells these runs apart comes first
  const rows = wanted.map(([run, i]) => ({
    value: at.has(i) ? measure.values[at.get(i)] : null, ...Object.fromEntries(order.map((name) => [name, setting(run, name)])),
    paper: run.tables[0].split("/")[0], tables: run.tables.join(" "), status: run.status, seconds: run.seconds, device: run.device, torch: run.torch, finished: run.finished, commit: run.commit, run: run.folder,
    "why not drawn": at.has(i) && isNumber(measure.values[at.get(i)]) ? "" : why(run, i),
  }));
  const there = rows.filter((row) => isNumber(row.value));
  const lacking = rows.length - there.length;
  const reasons = [...new Set(rows.map((row) => row["why not drawn"]).filter(Boolean))].slice(0, 3).join("; ");
  $("#matrix-said").textContent = `${placeOf(measure)}: ${all.meanings[measure.metric]}. ${there.length} runs have it${lacking ? `; ${lacking} do not (${reasons})` : ""}.`;
  const brief = there.map((row) => Object.fromEntries([[placeOf(measure), row.value], ...[...new Set([asked.x, asked.colourBy, ...told])].map((name) => [name, row[name]]), ["run", row.run]]));
  await embed($("#matrix-chart"), lines(brief, { ...asked, y: placeOf(measure), facet: "", line: false, width: Math.max(220, Math.min(900, innerWidth - 260)) }));
  const DataTable = await datatables();
  table?.destroy();
  const columns = Object.keys(rows[0] ?? { value: 0 }).map((name) => ({ title: name, data: name, defaultContent: "", render: (value, kind) => (kind === "display" && isNumber(value) ? String(+value.toPrecision(5)) : value === null ? "" : Array.isArray(value) ? value.join(", ") : value) }));
  $("#matrix-table").replaceChildren(element("table", { className: "display compact" }));
  table = new DataTable($("#matrix-table table"), { data: rows, columns, deferRender: true, pageLength: 10, order: [] });
}
const begin = once(() => {
  matrixControls();
  redraw.add(showMatrix);
  matrixForm.onchange = () => {
    const asked = Object.entries(chosen(matrixForm)).filter(([name, value]) => value && name.startsWith("only-"));
    const { measure, x, colourBy } = chosen(matrixForm);
    const said = new URLSearchParams({ measure: placeOf(all.measures[measure]), x, colour: colourBy, ...Object.fromEntries(asked.map(([name, value]) => [name.slice(5), value])) });
    history.replaceState(null, "", `#matrix?${said}`);
    return showMatrix();
  };
});
new IntersectionObserver((seen, watch) => { if (seen.some((one) => one.isIntersecting)) { watch.disconnect(); begin(); showMatrix(); } }, { rootMargin: "200px" }).observe($("#matrix"));

// ---- deep links ----
function follow() {
  const [place, query] = decodeURIComponent(location.hash.slice(1).split("?")[0]).concat("?", location.hash.split("?")[1] ?? "").split("?");
  const asked = new URLSearchParams(query);
  if (place === "claims") {
    for (const name of ["text", "paper", "verdict", "order"]) if (query) filter.elements[name].value = asked.get(name) ?? "";
    filterClaims();
  }
  if (place === "matrix" && query) {
    begin();
    for (const [name, value] of asked) {
      const control = matrixForm.elements[{ measure: "measure", x: "x", colour: "colourBy" }[name] ?? `only-${name}`];
      const option = control && [...control.options].find((one) => one.value === value || one.textContent === value);
      if (option) control.value = option.value;
    }
    showMatrix();
  }
  const target = document.getElementById(place);
  if (target?.tagName === "DETAILS") { target.hidden = false; target.open = true; }
  target?.scrollIntoView();
}
addEventListener("hashchange", follow);
filterClaims();
follow();
root.dataset.ready = "yes";
