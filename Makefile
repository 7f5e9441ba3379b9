# From nothing to a figure:  make fig6      any Snakemake target works, with ARGS="--config scale=small"
# From nothing to the tests: make test
# Needs git, make and Python 3.11 or newer; everything else is installed under .venv/, pinned and hashed.

PYTHON ?= python3
ENVS := workflow torch convex figures atlas
BIN := .venv/workflow/bin
CORES ?= all
SCALE ?= demo
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup setup-slurm lint test test-library test-slurm bench costs list prune index plan show open explain remake report
.PHONY: docs gallery lock
.DEFAULT_GOAL := all

# Targets not named below are passed to Snakemake: a figure, a paper, a file.
.DEFAULT:
	@$(MAKE) --no-print-directory setup
	snakemake --cores $(CORES) $@ $(ARGS)

all: setup
	snakemake --cores $(CORES) $(ARGS)

setup: $(ENVS:%=.venv/%/.installed)

# One more environment, of Snakemake with its Slurm plugin: source .venv/slurm/bin/activate
setup-slurm: setup .venv/slurm/.installed

.venv/workflow/.installed: envs/workflow.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: $(PYTHON) is older. Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv --clear $(@D) || \
		{ echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/%/.installed: envs/%.txt | .venv/workflow/.installed
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(@D)/bin/python $<
	@touch $@

# The links give basedpyright each environment's packages under a path without Python's version.
lint: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules workflow/Snakefile
	snakemake --lint
	for env in $(ENVS); do (cd .venv/$$env && ln -sfn lib/python3*/site-packages site-packages) || exit 1; done
	basedpyright

# The Slurm tests, which mostly wait, run beside the others.
test: lint
	@$(MAKE) --no-print-directory -j 2 test-library test-slurm

# Each environment tests its own part of the library, two tests at a time.
test-library: setup
	@command -v chromium > /dev/null || { [ $$(id -u) = 0 ] && command -v apt-get > /dev/null && \
		echo "installing Debian's chromium for the atlas' tests" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null; } || \
		echo "chromium can not be installed here: the tests of the atlas in a browser are skipped"
	for env in torch convex figures atlas workflow; do \
		.venv/$$env/bin/python -m pytest -q -n 2 --dist worksteal tests/$$env || exit 1; done

# The workflow on a real Slurm of one node. As root, install Debian's packages of Slurm; without Slurm, skip the tests.
test-slurm: setup-slurm
	@command -v sbatch > /dev/null || { [ $$(id -u) = 0 ] && command -v apt-get > /dev/null && \
		echo "installing Debian's slurm-wlm and munge for the Slurm tests" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge > /dev/null; } || \
		echo "slurm-wlm and munge can not be installed here: the Slurm tests are skipped"
	.venv/slurm/bin/python -m pytest -q -rs tests/slurm

# One comparison, two things measured in one run, on one thread: make bench NAME=layer_peeled_sweep
bench: setup
	OMP_NUM_THREADS=1 PYTHONPATH=workflow \
		.venv/$(shell sed -n 's/^Environment: //p' benchmarks/$(NAME).py)/bin/python benchmarks/$(NAME).py

# The cost of each paper at each scale: runs, images, FLOPs, and hours at the rates measured in benchmarks/.
costs: setup
	PYTHONPATH=workflow $(BIN)/python -m scripts.list_recipes | \
		PYTHONPATH=workflow .venv/torch/bin/python -m scripts.estimate_cost

# List the contents of results/, their sizes, and what may be deleted.
list: setup
	PYTHONPATH=workflow $(BIN)/python -m scripts.list_results $(ARGS)

# Say what no paper's table asks for; with ARGS=--yes, delete it.
prune: setup
	PYTHONPATH=workflow $(BIN)/python -m scripts.prune_results $(ARGS)

# Write results/runs/index.csv: every run, what it is, and which tables ask for it.
index: setup
	PYTHONPATH=workflow $(BIN)/python -m scripts.index_runs $(ARGS)

# What a target would still train, and what that takes: make plan TARGET=fig6 ARGS="--config scale=paper"
TARGET ?= all
plan: setup
	@PYTHONPATH=workflow $(BIN)/python -m scripts.list_recipes --target $(TARGET) $(ARGS) > .venv/plan.json
	@PYTHONPATH=workflow .venv/torch/bin/python -m scripts.estimate_cost --plan < .venv/plan.json

# A metric of every run, a line each: make show METRIC=nc1 LAYER=features SPLIT=test (and BN_MODE, CLASSES, EPOCH)
show: setup
	@PYTHONPATH=workflow .venv/figures/bin/python -m scripts.show_metric --metric $(METRIC) \
		$(if $(LAYER),--layer $(LAYER)) $(if $(SPLIT),--split $(SPLIT)) $(if $(BN_MODE),--bn-mode $(BN_MODE)) \
		$(if $(CLASSES),--classes $(CLASSES)) $(if $(EPOCH),--epoch $(EPOCH)) $(ARGS)

# Open the figures that the last call made; where no program opens them, print their names.
OPENER ?= $(shell command -v xdg-open || command -v open || echo echo)
open:
	@while read -r figure; do $(OPENER) "$$figure" 2> /dev/null || echo "$$figure"; done < results/made.txt

# In which keys two runs differ: make explain results/runs/.../seed-0 results/runs/.../seed-0
# The folders are no targets: give each an empty rule.
ifeq (explain,$(firstword $(MAKECMDGOALS)))
RUNS := $(wordlist 2,3,$(MAKECMDGOALS))
.PHONY: $(RUNS)
$(RUNS): ; @:
endif
explain: setup
	@PYTHONPATH=workflow $(BIN)/python -m scripts.explain_runs $(RUNS)

# Make one run again from its folder alone, and compare the weights: make remake RUN=results/runs/.../seed-0
remake: setup
	PYTHONPATH=workflow .venv/torch/bin/python -m scripts.remake_run $(RUN) $(ARGS)

report: all
	snakemake --report results/$(SCALE)/report.html $(ARGS)

# Three targets generate files: docs the READMEs' tables, gallery docs/gallery/ (from results/), lock the pins of envs/.
docs: setup
	PYTHONPATH=workflow $(BIN)/python workflow/scripts/generate_docs.py README.md config/README.md docs/metrics.md \
		config/schemas/config.json config/schemas/paper.json config/schemas/scale.json

# Copy the figures, claims and tables of a scale's results to docs/gallery/: make gallery SCALE=small
gallery:
	cd results/$(SCALE) && for folder in figures/*/; do \
		paper=$$(basename $$folder); kept=../../docs/gallery/$(SCALE)/$$paper; mkdir -p $$kept; \
		cp figures/$$paper/*.png $$kept/; cp claims/$$paper.csv $$kept/claims.csv; \
		cp tables/$$paper/*.csv $$kept/; \
	done

lock: setup
	for env in $(ENVS) slurm; do $(BIN)/python envs/pip_requirements.py envs/$$env.yaml | \
		uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header --quiet -o envs/$$env.txt; done
