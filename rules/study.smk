# Studies: hyperparameters chosen on held-out samples. A worker's trials are runs like any other, made in its own job.


rule study_worker:
    input:
        ancient(dataset_of_study("train.safetensors")),
        ancient(dataset_of_study("test.safetensors")),
        manifest=dataset_of_study("manifest.json"),
    output:
        f"{STUDY}/worker-{{worker}}.json",
    log:
        f"{RESULTS}/logs/study_worker/{{paper}}/{{study}}/worker-{{worker}}.log",
    conda:
        "../envs/torch.yaml"
    threads: CONFIG.threads
    resources:
        runtime=study_minutes,
        mem_mb=lambda wildcards, attempt: study_resources(wildcards).memory_mb * 2 ** (attempt - 1),
        gpu=lambda wildcards: study_resources(wildcards).gpus,
    params:
        study=lambda wildcards: study_of(wildcards).model_dump_json(),
        journal=JOURNAL,
    shell:
        '"$PY_TORCH" -P -m scripts.study_worker --study {params.study:q} --worker {wildcards.worker:q} '
        '--journal {params.journal:q} --dataset {input.manifest:q} --results "$ATLAS_RESULTS" --out {output:q} '
        "--save-every $ATLAS_SAVE_EVERY --device $ATLAS_DEVICE --gpus {resources.gpu:q} "
        '--jobs-per-gpu $ATLAS_JOBS_PER_GPU --locks "$ATLAS_LOCKS" --threads {threads} 2>&1 | tee -i {log:q}'


rule study_result:
    input:
        lambda wildcards: [
            f"{STUDY}/worker-{worker}.json".format(**vars(wildcards)) for worker in range(study_of(wildcards).workers)
        ],
    output:
        trials=f"{STUDY}/trials.csv",
        best=f"{STUDY}/best.json",
    log:
        f"{RESULTS}/logs/study_result/{{paper}}/{{study}}.log",
    conda:
        "../envs/torch.yaml"
    params:
        study=lambda wildcards: study_of(wildcards).model_dump_json(),
        journal=JOURNAL,
    shell:
        '"$PY_TORCH" -P -m scripts.study_result --study {params.study:q} --journal {params.journal:q} '
        '--results "$ATLAS_RESULTS" --out-trials {output.trials:q} --out-best {output.best:q} 2>&1 | tee -i {log:q}'


# Until the studies of a table have chosen, nobody knows its runs.
checkpoint studies_chose:
    input:
        bests_of_table,
    output:
        f"{RESULTS}/studies/{{paper}}/{{chosen}}.json",
    log:
        f"{RESULTS}/logs/studies_chose/{{paper}}/{{chosen}}.log",
    conda:
        "../envs/figures.yaml"
    shell:
        '"$PY_FIGURES" -P -m scripts.gather_choices --best {input:q} --out {output:q} 2>&1 | tee -i {log:q}'


rule tabulate_study:
    input:
        trials=results_of_studies("trials.csv"),
        best=results_of_studies("best.json"),
    output:
        f"{RESULTS}/tables/{{studied}}.csv",
    log:
        f"{RESULTS}/logs/tabulate_study/{{studied}}.log",
    wildcard_constraints:
        studied="|".join(STUDIED) or "none",
    conda:
        "../envs/figures.yaml"
    params:
        key_columns=keys_of_studies,
        # Another study is another file, which alone would not make the table anew.
        studies=lambda wildcards: [Path(path).parent.name for path in results_of_studies("best.json")(wildcards)],
    shell:
        '"$PY_FIGURES" -P -m scripts.tabulate_study --trials {input.trials:q} --best {input.best:q} --keys {params.key_columns:q} '
        "--out {output:q} 2>&1 | tee -i {log:q}"
