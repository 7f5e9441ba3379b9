# Checkpoints to statistics: the forward passes, and the class statistics every metric needs.


rule extract:
    input:
        ancient(f"{DATA}/train.safetensors"),
        ancient(f"{DATA}/test.safetensors"),
        per_seed(f"{RUN}/recipe.json"),
        ancient(per_seed(f"{RUN}/checkpoints")),
        manifest=f"{DATA}/manifest.json",
        rows=subsets_of,
        run=per_seed(f"{RUN}/run.json"),
    output:
        per_seed(f"{RUN}/statistics.safetensors"),
    log:
        job_log(f"{RESULTS}/logs/extract/{CELL}"),
    group:
        asked("measuring_group")
    conda:
        "../envs/torch.yaml"
    threads: CONFIG.threads
    resources:
        runtime=asked("extraction_minutes", retried=True),
        mem_mb=asked("memory_mb", retried=True),
        gpu=asked("gpus"),
        in_turn=1,
    shell:
        "$PY_TORCH -P -m scripts.extract --dataset {input.manifest:q} --rows {input.rows:q} --runs {input.run:q} "
        '--state "$ATLAS_STATE" --out {output:q} --device $ATLAS_DEVICE --gpus {resources.gpu:q} '
        '--jobs-per-gpu $ATLAS_JOBS_PER_GPU --locks "$ATLAS_LOCKS" --threads {threads} 2>&1 | tee -i {log:q}'
