# What `snakemake --report` shows beside the figures: tables, claims, run times and provenance, each as a page.


rule collect_runs:
    input:
        runs_of_paper,
    output:
        f"{RESULTS}/tables/{{paper}}_runs.csv",
    log:
        f"{RESULTS}/logs/collect_runs/{{paper}}.log",
    conda:
        "../envs/figures.yaml"
    params:
        plans=lambda wildcards: [
            PLAN.format(measured=f"{wildcards.paper}/{table}") for table in PLANS[wildcards.paper].grids
        ],
        runs=f"{CONFIG.results}/runs",
    shell:
        '"$PY_FIGURES" -P -m scripts.collect_runs --plans {params.plans:q} --runs {params.runs:q} --out {output:q} '
        "2>&1 | tee -i {log:q}"


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
    conda:
        "../envs/figures.yaml"
    params:
        title=lambda wildcards: PLANS[wildcards.paper].paper.tables[wildcards.table].title,
    shell:
        '"$PY_FIGURES" -P -m scripts.show_table --table {input:q} --title {params.title:q} --out {output:q} '
        "2>&1 | tee -i {log:q}"


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
    conda:
        "../envs/figures.yaml"
    params:
        title="Runs of {paper}",
    shell:
        '"$PY_FIGURES" -P -m scripts.show_table --table {input:q} --title {params.title:q} --out {output:q} '
        "2>&1 | tee -i {log:q}"


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
    conda:
        "../envs/figures.yaml"
    params:
        title=f"Claims, checked at scale {CONFIG.scale}",
    shell:
        '"$PY_FIGURES" -P -m scripts.show_table --table {input:q} --title {params.title:q} --out {output:q} '
        "2>&1 | tee -i {log:q}"
