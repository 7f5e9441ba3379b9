# Raw datasets to uint8 tensors with a small manifest; later rules run again when the manifest changes.


rule prepare_data:
    output:
        manifest=f"{DATA}/manifest.json",
        train=f"{DATA}/train.safetensors",
        test=f"{DATA}/test.safetensors",
    log:
        f"{CONFIG.results}/logs/prepare_data/{{dataset}}.log",
    conda:
        "../envs/torch.yaml"
    params:
        folder=DATA,
    shell:
        '$PY_TORCH -P -m scripts.prepare_data --dataset {wildcards.dataset} --data-root "$ATLAS_DATA_ROOT" '
        "--download $ATLAS_DOWNLOAD --out {params.folder:q} 2>&1 | tee -i {log:q}"


# One file a subset and seed, made once and shared by every run that trains on it.
rule draw_subset:
    input:
        manifest=f"{DATA}/manifest.json",
        train=ancient(f"{DATA}/train.safetensors"),
    output:
        per_seed(f"{DATA}/subsets/{{subset}}/seed-{{seed}}.csv"),
    log:
        job_log(f"{CONFIG.results}/logs/draw_subset/{{dataset}}/{{subset}}"),
    group:
        "subsets"
    conda:
        "../envs/torch.yaml"
    resources:
        runtime=2,
        in_turn=1,
    params:
        counts=lambda wildcards: SUBSETS[wildcards.dataset, wildcards.subset].class_counts(),
        seeds=SEEDS,
    shell:
        "$PY_TORCH -P -m scripts.draw_subset --dataset {input.manifest:q} --counts {params.counts} "
        "--seeds {params.seeds} --out {output:q} 2>&1 | tee -i {log:q}"
