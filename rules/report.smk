# What `snakemake --report` shows beside the figures: tables, claims, run times and provenance, each as a page.


def paper_runs(wildcards):
    """run.json of every run of a paper."""
    cells = PLANS[wildcards.paper].recipes
    return [
        f"{RESULTS}/runs/{wildcards.paper}/{cell}/seed-{seed}/run.json" for cell in cells for seed in CONFIG.seeds
    ]


def report_outputs():
    """Pages of the report."""
    tables = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.plan.tables]
    return [
        *[f"{RESULTS}/pages/tables/{table}.html" for table in tables],
        *[f"{RESULTS}/pages/runs/{paper}.html" for paper in PLANS],
        f"{RESULTS}/pages/claims.html",
    ]


rule collect_runs:
    input:
        paper_runs,
    output:
        f"{RESULTS}/tables/{{paper}}_runs.csv",
    log:
        f"{RESULTS}/logs/collect_runs/{{paper}}.log",
    params:
        root=f"{RESULTS}/runs/{{paper}}",
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.collect_runs --runs {input:q} --root {params.root:q} --out {output:q} "
        "2>&1 | tee {log:q}"


rule show_table:
    input:
        f"{RESULTS}/tables/{{paper}}/{{table}}.csv",
    output:
        report(
            f"{RESULTS}/pages/tables/{{paper}}/{{table}}.html",
            caption="../workflow/report/table.rst",
            category="Tables",
            subcategory="{paper}",
            labels={"table": "{table}", "scale": CONFIG.scale},
        ),
    log:
        f"{RESULTS}/logs/show_table/{{paper}}/{{table}}.log",
    params:
        title=lambda wildcards: PLANS[wildcards.paper].paper.tables[wildcards.table].title,
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.show_table --table {input:q} --title {params.title:q} --out {output:q} "
        "2>&1 | tee {log:q}"


rule show_runs:
    input:
        f"{RESULTS}/tables/{{paper}}_runs.csv",
    output:
        report(
            f"{RESULTS}/pages/runs/{{paper}}.html",
            caption="../workflow/report/runs.rst",
            category="Run time and provenance",
            labels={"paper": "{paper}", "scale": CONFIG.scale},
        ),
    log:
        f"{RESULTS}/logs/show_runs/{{paper}}.log",
    params:
        title="Runs of {paper}",
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.show_table --table {input:q} --title {params.title:q} --out {output:q} "
        "2>&1 | tee {log:q}"


rule show_claims:
    input:
        f"{RESULTS}/claims.csv",
    output:
        report(
            f"{RESULTS}/pages/claims.html",
            caption="../workflow/report/claims.rst",
            category="Claims",
            labels={"claims": "every paper", "scale": CONFIG.scale},
        ),
    log:
        f"{RESULTS}/logs/show_claims.log",
    params:
        title=f"Claims, checked at scale {CONFIG.scale}",
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.show_table --table {input:q} --title {params.title:q} --out {output:q} "
        "2>&1 | tee {log:q}"
