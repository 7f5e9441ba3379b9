# Collapse Atlas: six papers on neural collapse, figure by figure. See README.md.
#
#   snakemake --cores 8 fig6               a figure of the paper that config/config.yaml names
#   snakemake --cores 8 layer_peeled_fig6  the same figure, by its full name
#   snakemake --cores 8 layer_peeled       all of a paper: figures, claims
#   snakemake --cores 8                    everything, and the atlas page
#   snakemake --cores 8 atlas              the atlas page of what is there

from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config/config.yaml")


report: "workflow/report/workflow.rst"


include: "rules/setup.smk"
include: "rules/common.smk"
include: "rules/jobs.smk"
include: "rules/studies.smk"
include: "rules/targets.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/extract.smk"
include: "rules/measure.smk"
include: "rules/study.smk"
include: "rules/theory.smk"
include: "rules/figures.smk"
include: "rules/claims.smk"
include: "rules/atlas.smk"
include: "rules/hooks.smk"


# On a cluster, these rules run where Snakemake runs: as jobs they would wait longer than they work. The download
# (prepare_data) is among them because a cluster's nodes often have no network.
localrules:
    prepare_data,
    solve,
    study_result,
    studies_chose,
    tabulate_study,
    tabulate,
    measure_draws,
    render,
    check_claims,
    paper_claims,
    all_claims,
    atlas,


rule all:
    default_target: True
    input:
        everything,
        f"{RESULTS}/claims.csv",
        rules.atlas.output,


# Targets: <paper> for each paper, <paper>_<figure> for each figure, and <figure> for the default paper's figures.
# Inputs are functions, so that Snakemake lists the runs only of targets that are asked for.
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


# Snakemake takes an unknown target for a file name. This rule matches it, as no file of the workflow has such a name.
rule unknown_target:
    input:
        explain_target,
    output:
        "{unknown,[A-Za-z0-9_-]+}",
