# Raw datasets to uint8 tensors with a small manifest; later rules run again when the manifest changes.


rule prepare_data:
    input:
        raw_files,
    output:
        # Images of one's own that have changed are refused if runs were trained on those of before, which then stay.
        manifest=update(f"{DATA}/manifest.json"),
        train=update(f"{DATA}/train.safetensors"),
        test=update(f"{DATA}/test.safetensors"),
    log:
        f"{CONFIG.results}/logs/prepare_data/{{dataset}}.log",
    conda:
        "../envs/torch.yaml"
    params:
        own=own_images,
        content=content_of_images,
        folder=DATA,
    shell:
        '"$PY_TORCH" -P -m scripts.prepare_data --dataset {wildcards.dataset} --own {params.own:q} '
        '--data-root "$ATLAS_DATA_ROOT" --download $ATLAS_DOWNLOAD --runs "$ATLAS_RESULTS/runs" --out {params.folder:q} '
        "2>&1 | tee -i {log:q}"
