# Recipes to runs: recipe, train subset, history, checkpoints, and run.json with the run's status and provenance.
# run.json alone is an output, one that the job updates: Snakemake leaves everything else in a run's folder alone.


rule train:
    input:
        unless_made(TRAINED, f"{DATA}/train.safetensors"),
        manifest=unless_made(TRAINED, f"{DATA}/manifest.json"),
    output:
        run=update(bundle(TRAINED)),
    log:
        bundle_log("train"),
    group:
        group("training_group")
    conda:
        "../envs/torch.yaml"
    threads: CONFIG.threads * CONFIG.gpus_per_job
    resources:
        **IN_TURN,
        runtime=limit("training_minutes", TRAINED),
        mem_mb=asked("memory_mb", retried=True),
        gpu=asked("gpus"),
    params:
        recipe=lambda wildcards: cell_of(wildcards)[0],
    shell:
        '"$PY_TORCH" -P -m scripts.train --recipe {params.recipe:q} --dataset {input.manifest:q} --out {output.run:q} '
        "--save-every $ATLAS_SAVE_EVERY --say-every $ATLAS_SAY_EVERY --device $ATLAS_DEVICE --gpus {resources.gpu:q} "
        '--jobs-per-gpu $ATLAS_JOBS_PER_GPU --locks "$ATLAS_LOCKS" --workers $ATLAS_GPUS_PER_JOB --threads {threads} '
        "2>&1 | tee -i {log:q}"


if CONFIG.bundled:

    use rule train as train_seed with:
        output:
            run=update(TRAINED),
        log:
            seed_log("train"),

    ruleorder: train > train_seed
