# Checkpoints to statistics: the forward passes, and the class statistics every metric needs.


rule extract:
    input:
        manifest=f"{DATA}/manifest.json",
        images=ancient([f"{DATA}/train.safetensors", f"{DATA}/test.safetensors"]),
        rows=subsets_of,
        run=per_seed(f"{RUN}/run.json"),
        recipe=per_seed(f"{RUN}/recipe.json"),
        checkpoints=ancient(per_seed(f"{RUN}/checkpoints")),
    output:
        per_seed(f"{RUN}/statistics.safetensors"),
    log:
        job_log(f"{RESULTS}/logs/extract/{CELL}"),
    group:
        partial(group_of, "measuring")
    conda:
        "../envs/torch.yaml"
    threads: CONFIG.threads
    resources:
        runtime=partial(minutes_of, cost.extraction_minutes),
        mem_mb=memory_of,
        gpu=gpus_of,
        in_turn=1,
    params:
        dataset=subpath(input.manifest, parent=True),
        folders=run_folders,
        states=state_folders,
        locks=f"{CONFIG.results}/state",
    shell:
        "$PY_TORCH -P -m scripts.extract --dataset {params.dataset:q} --rows {input.rows:q} --runs {params.folders:q} "
        "--states {params.states:q} --out {output:q} --device $ATLAS_DEVICE --gpus {resources.gpu:q} --jobs-per-gpu $ATLAS_JOBS_PER_GPU "
        "--locks {params.locks:q} --threads {threads} 2>&1 | tee -i {log:q}"
