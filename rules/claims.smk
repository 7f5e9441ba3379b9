# Tables to verdicts: for each figure, each paper, and all papers.


def claims_tables(wildcards):
    """Tables that decide a figure's claims: seed by seed where they are measured."""
    plan = PLANS[wildcards.paper]
    ending = {table: "_seeds.csv" if table in plan.cells else ".csv" for table in plan.plan.tables}
    tables = plan.claims_spec(wildcards.figure).axes
    return [f"{RESULTS}/tables/{wildcards.paper}/{table}{ending[table]}" for table in tables]


rule check_claims:
    input:
        tables=claims_tables,
    output:
        f"{RESULTS}/claims/{{paper}}/{{figure}}.csv",
    log:
        f"{RESULTS}/logs/check_claims/{{paper}}/{{figure}}.log",
    params:
        spec=lambda wildcards: PLANS[wildcards.paper].claims_spec(wildcards.figure).model_dump_json(),
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.check_claims --spec {params.spec:q} --tables {input.tables:q} "
        "--out {output:q} 2>&1 | tee {log:q}"


rule paper_claims:
    input:
        lambda wildcards: [
            f"{RESULTS}/claims/{wildcards.paper}/{figure}.csv" for figure in PLANS[wildcards.paper].paper.figures
        ],
    output:
        f"{RESULTS}/claims/{{paper}}.csv",
    log:
        f"{RESULTS}/logs/paper_claims/{{paper}}.log",
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.merge_tables --tables {input:q} --out {output:q} 2>&1 | tee {log:q}"


rule all_claims:
    input:
        [f"{RESULTS}/claims/{paper}.csv" for paper in PLANS],
    output:
        f"{RESULTS}/claims.csv",
    log:
        f"{RESULTS}/logs/all_claims.log",
    conda:
        "../envs/figures.yaml"
    shell:
        "$PY_FIGURES -P -m scripts.merge_tables --tables {input:q} --out {output:q} 2>&1 | tee {log:q}"
