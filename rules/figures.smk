# Metrics to tidy tables, tables to figures.

MEASURED = [f"{name}/{table}" for name, plan in PLANS.items() for table in plan.cells]


def table_metrics(wildcards):
    """metrics.csv of every run that a measured table reads."""
    paper, table = wildcards.measured.split("/")
    return runs_of(PLANS[paper], table, "metrics.csv")


def table_spec(wildcards):
    """What a measured table reads, as JSON."""
    paper, table = wildcards.measured.split("/")
    return PLANS[paper].table_spec(table).model_dump_json()


def figure_tables(wildcards):
    """Tables of a figure, in the order its script takes them."""
    tables = PLANS[wildcards.paper].paper.figures[wildcards.figure].tables
    return [f"{RESULTS}/tables/{wildcards.paper}/{table}.csv" for table in tables]


rule tabulate:
    input:
        table_metrics,
    output:
        table=f"{RESULTS}/tables/{{measured}}.csv",
        seeds=f"{RESULTS}/tables/{{measured}}_seeds.csv",
    log:
        f"{RESULTS}/logs/tabulate/{{measured}}.log",
    wildcard_constraints:
        measured="|".join(MEASURED) or "none",
    params:
        spec=table_spec,
        runs=lambda wildcards: f"{RESULTS}/runs/{wildcards.measured.split('/')[0]}",
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.tabulate --spec {params.spec:q} --runs {params.runs:q} "
        "--out {output.table:q} --out-seeds {output.seeds:q} 2>&1 | tee {log:q}"


rule render:
    input:
        tables=figure_tables,
        script=f"{ROOT}/workflow/figures/{{paper}}/{{figure}}.py",
    output:
        multiext(
            f"{RESULTS}/figures/{{paper}}/{{figure}}",
            pdf=".pdf",
            png=report(
                ".png",
                caption="../workflow/report/figure.rst",
                category="Figures",
                subcategory="{paper}",
                labels={"figure": "{figure}", "scale": CONFIG.scale},
            ),
        ),
    log:
        f"{RESULTS}/logs/render/{{paper}}/{{figure}}.log",
    params:
        title=lambda wildcards: PLANS[wildcards.paper].paper.figures[wildcards.figure].title,
        reference=lambda wildcards: PLANS[wildcards.paper].paper.reference,
        cut=lambda wildcards: PLANS[wildcards.paper].plan.cut,
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.render --script {input.script:q} --tables {input.tables:q} "
        "--out {output:q} 2>&1 | tee {log:q}"
