# Statistics to metrics: no network, no image, so a new metric costs seconds.


rule measure:
    input:
        per_seed(f"{RUN}/statistics.safetensors"),
    output:
        per_seed(f"{RUN}/metrics.csv"),
    log:
        job_log(f"{RESULTS}/logs/measure/{CELL}"),
    group:
        needed("measuring_group")
    conda:
        "../envs/torch.yaml"
    resources:
        runtime=5,
        in_turn=1,
    shell:
        "$PY_TORCH -P -m scripts.measure --statistics {input:q} --out {output:q} 2>&1 | tee -i {log:q}"
