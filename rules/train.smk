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
        f"{RESULTS}/logs/train/{CELL}{JOB}.log",
    params:
        recipe=lambda wildcards: recipe_of(wildcards).model_dump_json(),
        seeds=seeds_of,
        dataset=subpath(input.manifest, parent=True),
        folders=run_folders,
    threads: CONFIG.threads
    conda:
        "../envs/torch.yaml"
    shell:
        "$PY_TORCH -P -m scripts.train --recipe {params.recipe:q} --seeds {params.seeds} --dataset {params.dataset:q} "
        "--rows {input.rows:q} --runs {params.folders:q} --device {config[device]} --threads {threads} "
        "2>&1 | tee {log:q}"
