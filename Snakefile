# Collapse Atlas: six papers on neural collapse, figure by figure. See README.md.
#
#   snakemake --cores 8 fig6               a figure of the paper that config/config.yaml names
#   snakemake --cores 8 layer_peeled_fig6  the same figure, by its full name
#   snakemake --cores 8 layer_peeled       all of a paper: figures, claims
#   snakemake --cores 8                    everything

from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config/config.yaml")


report: "workflow/report/workflow.rst"


include: "rules/setup.smk"
include: "rules/common.smk"
include: "rules/guards.smk"
include: "rules/targets.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/extract.smk"
include: "rules/measure.smk"
include: "rules/theory.smk"
include: "rules/figures.smk"
include: "rules/claims.smk"
include: "rules/report.smk"


# What takes seconds runs where Snakemake runs, also on a cluster: there it would wait longer than it works. So does the
# download, as a cluster's nodes seldom see the network.
localrules:
    prepare_data,
    solve,
    tabulate,
    measure_draws,
    render,
    check_claims,
    paper_claims,
    all_claims,
    collect_runs,
    show_table,
    show_runs,
    show_claims,


rule all:
    default_target: True
    input:
        lambda wildcards: [output for plan in PLANS.values() for output in paper_outputs(plan)],
        f"{RESULTS}/claims.csv",
        report_outputs(),


# One target a paper, <paper>; one a figure, <paper>_<figure>; and the default paper's figures by their short names.
# Their inputs are functions: a target that is not asked for lists none of its runs.
for plan in PLANS.values():

    rule:
        name:
            plan.paper.name
        input:
            lambda wildcards, plan=plan: paper_outputs(plan),

    for figure in plan.figures():

        rule:
            name:
                f"{plan.paper.name}_{figure}"
            input:
                lambda wildcards, plan=plan, figure=figure: figure_outputs(plan, figure),

        if plan.paper.name == CONFIG.paper:

            rule:
                name:
                    figure
                input:
                    lambda wildcards, plan=plan, figure=figure: figure_outputs(plan, figure),


# A name that is no rule is taken for a file; no file of ours has such a name.
rule unknown_target:
    input:
        explain_target,
    output:
        "{unknown,[A-Za-z0-9_-]+}",
