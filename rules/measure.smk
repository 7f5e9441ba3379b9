# Statistics to metrics, without networks and images, so that a new metric costs seconds.


rule measure:
    input:
        unless_made(METRICS, STATISTICS),
    output:
        bundle(METRICS),
    log:
        bundle_log("measure", MEASURED_CELL),
    group:
        group("measuring_group")
    conda:
        "../envs/torch.yaml"
    resources:
        **IN_TURN,
        runtime=5,
    params:
        metrics=" ".join(METRIC_ENTRIES),
    shell:
        '"$PY_TORCH" -P -m scripts.measure --statistics {input:q} --out {output:q} '
        '--keep-checkpoints $ATLAS_KEEP_CHECKPOINTS --results "$ATLAS_RESULTS" 2>&1 | tee -i {log:q}'


if CONFIG.bundled:

    use rule measure as measure_seed with:
        output:
            METRICS,
        log:
            seed_log("measure", MEASURED_CELL),

    ruleorder: measure > measure_seed


# Tables measured on random subsets of the data, without runs.
rule measure_draws:
    input:
        datasets_of_draws,
    output:
        table=f"{RESULTS}/tables/{{drawn}}.csv",
        draws=f"{RESULTS}/tables/{{drawn}}_seeds.csv",
    log:
        f"{RESULTS}/logs/measure_draws/{{drawn}}.log",
    wildcard_constraints:
        drawn="|".join(DRAWN) or "none",
    conda:
        "../envs/torch.yaml"
    params:
        spec=lambda wildcards: plan_of(wildcards.drawn).draws_spec(Path(wildcards.drawn).name).model_dump_json(),
        datasets=f"{CONFIG.results}/data",
    shell:
        '"$PY_TORCH" -P -m scripts.measure_draws --spec {params.spec:q} --datasets {params.datasets:q} '
        "--out {output.table:q} --out-draws {output.draws:q} 2>&1 | tee -i {log:q}"
