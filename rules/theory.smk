# Theory tables: settings to numbers, no training.

THEORY = [f"{name}/{table}" for name, plan in PLANS.items() for table in plan.theory()]


def theory_table(wildcards):
    """The plan and name of a theory table."""
    paper, table = wildcards.theory.split("/")
    return PLANS[paper], table


def solver(wildcards):
    """Solver of a theory table."""
    plan, table = theory_table(wildcards)
    return plan.paper.tables[table].solver


def settings(wildcards):
    """Settings of a theory table, its blocks multiplied out, as JSON."""
    plan, table = theory_table(wildcards)
    return json.dumps([setting for block in plan.plan.tables[table] for setting in combinations(block)])


rule solve:
    output:
        f"{RESULTS}/tables/{{theory}}.csv",
    log:
        f"{RESULTS}/logs/solve/{{theory}}.log",
    wildcard_constraints:
        theory="|".join(THEORY) or "none",
    params:
        solver=solver,
        settings=settings,
    conda:
        "../envs/convex.yaml"
    shell:
        "$PY_CONVEX -P -m scripts.solve --solver {params.solver} --settings {params.settings:q} "
        "--out {output:q} 2>&1 | tee {log:q}"
