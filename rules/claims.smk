# Tables to verdicts: for each figure, each paper, and all papers.


rule check_claims:
    input:
        tables=tables_of_claims,
    output:
        report(
            f"{RESULTS}/claims/{{paper}}/{{figure}}.csv",
            caption="../workflow/report/claims.rst",
            category="Claims",
            subcategory="{paper}",
            labels={"figure": "{figure}", "scale": CONFIG.scale},
        ),
    log:
        f"{RESULTS}/logs/check_claims/{{paper}}/{{figure}}.log",
    conda:
        "../envs/figures.yaml"
    params:
        spec=lambda wildcards: PLANS[wildcards.paper].claims_spec(wildcards.figure).model_dump_json(),
    shell:
        '"$PY_FIGURES" -P -m scripts.check_claims --spec {params.spec:q} --tables {input.tables:q} '
        "--out {output:q} > {log:q} 2>&1"


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
        '"$PY_FIGURES" -P -m scripts.merge_tables --tables {input:q} --out {output:q} 2>&1 | tee -i {log:q}'


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
        '"$PY_FIGURES" -P -m scripts.merge_tables --tables {input:q} --out {output:q} 2>&1 | tee -i {log:q}'
