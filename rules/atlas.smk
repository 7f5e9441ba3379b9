# Verdicts, figures, tables and runs to the atlas: one page, and one table of all metrics.


rule atlas:
    input:
        shown_in_atlas,
    output:
        page=report(
            f"{RESULTS}/atlas.html",
            caption="../workflow/report/atlas.rst",
            category="Atlas",
            labels={"atlas": "every paper", "scale": CONFIG.scale},
        ),
        metrics=f"{RESULTS}/metrics.parquet",
    log:
        f"{RESULTS}/logs/atlas.log",
    conda:
        "../envs/atlas.yaml"
    params:
        # Made anew when the papers' words change, or what is shown: a figure made or deleted since.
        words=lambda wildcards: hashlib.sha256(
            "".join(plan.paper.model_dump_json() for plan in PLANS.values()).encode()
        ).hexdigest(),
        shown=lambda wildcards, input: hashlib.sha256("".join(input).encode()).hexdigest(),
    shell:
        '"$PY_ATLAS" -P -m scripts.atlas --config "$ATLAS_CONFIG" --papers "$ATLAS_PAPERS" '
        "--page {output.page:q} --metrics {output.metrics:q} 2>&1 | tee -i {log:q}"
