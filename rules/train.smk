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
    threads: CONFIG.threads
    params:
        recipe=lambda wildcards: recipe_of(wildcards).model_dump_json(),
        seeds=seeds_of,
        dataset=subpath(input.manifest, parent=True),
        folders=run_folders,
    shell:
        "$PY_TORCH -P -m scripts.train --recipe {params.recipe:q} --seeds {params.seeds} --dataset {params.dataset:q} "
        "--rows {input.rows:q} --runs {params.folders:q} --device $ATLAS_DEVICE --threads {threads} "
        "2>&1 | tee {log:q}"
