# A run: recipe, history, checkpoints, and how it went.


rule train:
    input:
        manifest=f"{DATA}/manifest.json",
        train=ancient(f"{DATA}/train.safetensors"),
        rows=subsets_of,
    output:
        run=per_seed(f"{RUN}/run.json"),
        recipe=per_seed(f"{RUN}/recipe.json"),
        history=per_seed(f"{RUN}/history.csv"),
        checkpoints=[directory(path) for path in per_seed([f"{RUN}/checkpoints"])],
    log:
        job_log(f"{RESULTS}/logs/train/{CELL}"),
    group:
        partial(group_of, "training")
    conda:
        "../envs/torch.yaml"
    threads: CONFIG.threads * CONFIG.gpus_per_job
    resources:
        runtime=partial(minutes_of, cost.training_minutes),
        mem_mb=memory_of,
        gpu=gpus_of,
        in_turn=1,
    params:
        recipe=lambda wildcards: recipe_of(wildcards).identity(),
        seeds=seeds_of,
        dataset=subpath(input.manifest, parent=True),
        folders=run_folders,
        # No output: Snakemake deletes those of a job that was killed, and the state is what the next attempt needs.
        states=state_folders,
        locks=f"{CONFIG.results}/state",
    shell:
        "$PY_TORCH -P -m scripts.train --recipe {params.recipe:q} --seeds {params.seeds} --dataset {params.dataset:q} "
        "--rows {input.rows:q} --runs {params.folders:q} --states {params.states:q} --save-every $ATLAS_SAVE_EVERY "
        "--device $ATLAS_DEVICE --gpus {resources.gpu:q} --jobs-per-gpu $ATLAS_JOBS_PER_GPU --locks {params.locks:q} "
        "--workers $ATLAS_GPUS_PER_JOB --threads {threads} 2>&1 | tee -i {log:q}"
