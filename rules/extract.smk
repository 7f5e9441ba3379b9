# Checkpoints to statistics: the forward passes, and the class statistics every metric needs.


rule extract:
    input:
        unless_made(STATISTICS, f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"),
        manifest=unless_made(STATISTICS, f"{DATA}/manifest.json"),
        run=unless_made(STATISTICS, TRAINED),
    output:
        statistics=update(bundle(STATISTICS)),
    log:
        bundle_log("extract", MEASURED_CELL),
    group:
        group("measuring_group")
    conda:
        "../envs/torch.yaml"
    threads: CONFIG.threads
    resources:
        **IN_TURN,
        runtime=limit("extraction_minutes", STATISTICS),
        mem_mb=asked("memory_mb", retried=True),
        gpu=asked("gpus"),
    params:
        measuring=lambda wildcards: MEASURINGS[wildcards.measuring].identity(),
    shell:
        '"$PY_TORCH" -P -m scripts.extract --dataset {input.manifest:q} --measuring {params.measuring:q} '
        "--runs {input.run:q} --out {output.statistics:q} --device $ATLAS_DEVICE --gpus {resources.gpu:q} "
        '--jobs-per-gpu $ATLAS_JOBS_PER_GPU --locks "$ATLAS_LOCKS" --threads {threads} 2>&1 | tee -i {log:q}'


if CONFIG.bundled:

    use rule extract as extract_seed with:
        output:
            statistics=update(STATISTICS),
        log:
            seed_log("extract", MEASURED_CELL),

    ruleorder: extract > extract_seed
