# Theory tables: settings to numbers, no training.


rule solve:
    output:
        f"{RESULTS}/tables/{{theory}}.csv",
    log:
        f"{RESULTS}/logs/solve/{{theory}}.log",
    wildcard_constraints:
        theory="|".join(THEORY["convex"]) or "none",
    conda:
        "../envs/convex.yaml"
    params:
        solver=lambda wildcards: table_of(wildcards.theory).solver,
        settings=lambda wildcards: json.dumps(plan_of(wildcards.theory).settings(Path(wildcards.theory).name)),
    shell:
        '"$PY_CONVEX" -P -m scripts.solve --solver {params.solver} --settings {params.settings:q} '
        "--out {output:q} 2>&1 | tee -i {log:q}"


# Solvers that build networks, to count what they have.
rule solve_with_torch:
    output:
        f"{RESULTS}/tables/{{theory}}.csv",
    log:
        f"{RESULTS}/logs/solve/{{theory}}.log",
    wildcard_constraints:
        theory="|".join(THEORY["torch"]) or "none",
    conda:
        "../envs/torch.yaml"
    params:
        solver=lambda wildcards: table_of(wildcards.theory).solver,
        settings=lambda wildcards: json.dumps(plan_of(wildcards.theory).settings(Path(wildcards.theory).name)),
    shell:
        '"$PY_TORCH" -P -m scripts.solve --solver {params.solver} --settings {params.settings:q} '
        "--out {output:q} 2>&1 | tee -i {log:q}"
