# Recipes to runs: recipe, history, checkpoints, and run.json with the run's status and provenance.


rule train:
    input:
        ancient(f"{DATA}/train.safetensors"),
        manifest=f"{DATA}/manifest.json",
        rows=subsets_of,
    output:
        per_seed(f"{RUN}/recipe.json"),
        per_seed(f"{RUN}/history.csv"),
        [directory(path) for path in per_seed([f"{RUN}/checkpoints"])],
        run=per_seed(f"{RUN}/run.json"),
    log:
        job_log(f"{RESULTS}/logs/train/{CELL}"),
    group:
        asked("training_group")
    conda:
        "../envs/torch.yaml"
    threads: CONFIG.threads * CONFIG.gpus_per_job
    resources:
        runtime=asked("training_minutes", retried=True),
        mem_mb=asked("memory_mb", retried=True),
        gpu=asked("gpus"),
        in_turn=1,
    params:
        recipe=lambda wildcards: cell_of(wildcards).identity,
        seeds=SEEDS,
    shell:
        "$PY_TORCH -P -m scripts.train --recipe {params.recipe:q} --seeds {params.seeds} --dataset {input.manifest:q} "
        '--rows {input.rows:q} --out {output.run:q} --state "$ATLAS_STATE" --save-every $ATLAS_SAVE_EVERY '
        '--device $ATLAS_DEVICE --gpus {resources.gpu:q} --jobs-per-gpu $ATLAS_JOBS_PER_GPU --locks "$ATLAS_LOCKS" '
        "--workers $ATLAS_GPUS_PER_JOB --threads {threads} 2>&1 | tee -i {log:q}"
