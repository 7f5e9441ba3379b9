# Metrics to tidy tables, tables to figures.


rule tabulate:
    input:
        lambda wildcards: metrics_of(*wildcards.measured.split("/")),
    output:
        table=report(
            f"{RESULTS}/tables/{{measured}}.csv",
            caption="../workflow/report/table.rst",
            category="Tables",
            labels={"table": "{measured}", "scale": CONFIG.scale},
        ),
        seeds=f"{RESULTS}/tables/{{measured}}_seeds.csv",
    log:
        f"{RESULTS}/logs/tabulate/{{measured}}.log",
    conda:
        "../envs/figures.yaml"
    params:
        spec=spec_of,
        plan=PLAN,
        digest=lambda wildcards: digest_of_plan(wildcards.measured),
    shell:
        '"$PY_FIGURES" -P -m scripts.tabulate --spec {params.spec:q} --plan {params.plan:q} '
        '--plan-sha256 {params.digest} --results "$ATLAS_RESULTS" '
        "--out {output.table:q} --out-seeds {output.seeds:q} 2>&1 | tee -i {log:q}"


rule render:
    input:
        tables=tables_of_figure,
    output:
        pdf=f"{RESULTS}/figures/{{paper}}/{{figure}}.pdf",
        png=report(
            f"{RESULTS}/figures/{{paper}}/{{figure}}.png",
            caption="../workflow/report/figure.rst",
            category="Figures",
            subcategory="{paper}",
            labels={"figure": "{figure}", "scale": CONFIG.scale},
        ),
    log:
        f"{RESULTS}/logs/render/{{paper}}/{{figure}}.log",
    conda:
        "../envs/figures.yaml"
    params:
        # Redraw the figure when its script changes, but not when the project is moved to another folder.
        script=lambda wildcards: script_sha256(wildcards.paper, wildcards.figure),
        title=lambda wildcards: PLANS[wildcards.paper].paper.figures[wildcards.figure].title,
        note=lambda wildcards: PLANS[wildcards.paper].paper.figures[wildcards.figure].note,
        reference=lambda wildcards: PLANS[wildcards.paper].paper.reference,
        deviations=lambda wildcards: PLANS[wildcards.paper].scale.deviations,
        published=lambda wildcards: json.dumps(PLANS[wildcards.paper].published(wildcards.figure)),
    shell:
        '"$PY_FIGURES" -P -m scripts.render --figure {wildcards.paper}/{wildcards.figure} --tables {input.tables:q} '
        "--published {params.published:q} --out {output:q} 2>&1 | tee -i {log:q}"
