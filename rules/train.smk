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
    conda:
        "../envs/torch.yaml"
    threads: CONFIG.threads * CONFIG.gpus_per_job
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
        "--device $ATLAS_DEVICE --jobs-per-gpu $ATLAS_JOBS_PER_GPU --locks {params.locks:q} "
        "--workers $ATLAS_GPUS_PER_JOB --threads {threads} 2>&1 | tee -i {log:q}"
