# kcheck. `make help` lists what can be done. Presumed: make, and Python 3.11, 3.12 or 3.13 as $(PYTHON).

PYTHON ?= python3
VENV ?= .venv
# The versions that CI uses; CONSTRAINTS= (empty) takes the newest, constraints-lowest.txt the oldest that are supported.
CONSTRAINTS ?= constraints.txt
# Further arguments for the tool behind a target: make test ARGS='-k archive'
ARGS ?=

RUN := $(VENV)/bin/python
# Most modules of TensorFlow are never imported: Python compiles those that are.
INSTALL = $(RUN) -m pip install --quiet --no-compile --disable-pip-version-check $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
NEEDS := pyproject.toml $(CONSTRAINTS)

# Tests start hundreds of interpreters: none of them should have to compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help install demo test test-fast verdicts integration snapshots lint bench profile accuracy advice architectures examples exports backends behaviours fuzz samples docs tutorial readme constraints wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "$(PYTHON) is Python %d.%d; kcheck needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

# Two stamps, so that `make demo` does not install what only development needs.
$(VENV)/.installed: $(NEEDS) | $(VENV)/bin/python
	@echo 'Installing kcheck and TensorFlow into $(VENV): about a minute.'
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(NEEDS) | $(VENV)/bin/python
	$(INSTALL) --editable '.[dev]'
	@# Once, and not in each of the processes that tests start at the same time.
	@TF_CPP_MIN_LOG_LEVEL=3 $(RUN) -c 'import keras'
	@touch $(VENV)/.installed $@

install: $(VENV)/.installed-dev ## make .venv and install kcheck with all that development needs

# The samples of the demo, of the command that it names next, and of the tutorial.
demo: $(VENV)/.installed ## install, build four samples, and run kcheck on a healthy model and on a faulty one
	@echo 'Building four sample models: some seconds.'
	@mkdir -p build
	@$(RUN) sample_models/make_samples.py healthy-mlp batchnorm-training-inside scaler-missing scaler-refitted 2>build/demo.log \
		|| { cat build/demo.log >&2; exit 1; }
	@$(RUN) scripts/demo.py

test: $(VENV)/.installed-dev ## run the tests: 10 to 25 minutes on 2 cores
	@echo 'The tests: 10 to 25 minutes on 2 cores. "make test-fast" takes about a minute, "make verdicts" two.'
	$(RUN) -m pytest -n 3 --dist worksteal -m 'not integration' $(ARGS)

# What changes only with other programs, or with the code that starts them.
integration: $(VENV)/.installed-dev ## run the tests with servers, Dask clusters and installed wheels: about four minutes
	$(RUN) -m pytest -n 2 --dist worksteal -q -m integration --snapshot-disable-unused $(ARGS)

# The tests that find what changes a verdict.
verdicts: $(VENV)/.installed-dev ## check all samples and a case of each family of the corpus: about two minutes
	$(RUN) -m pytest -n 3 --dist worksteal -q -m verdicts --snapshot-disable-unused $(ARGS)

# Snapshots of the tests that are left out are not unused: syrupy would advise to delete them.
test-fast: $(VENV)/.installed-dev ## run the tests that neither import Keras nor start processes: about a minute
	$(RUN) -m pytest -n 2 --dist worksteal -q -m 'not slow' --snapshot-disable-unused $(ARGS)

snapshots: $(VENV)/.installed-dev ## write the texts that tests compare (tests/snapshots), to be reviewed as prose
	$(RUN) -m pytest -n 0 -q -m wording --snapshot-update $(ARGS)

lint: $(VENV)/.installed-dev ## ruff, mypy --strict and the import contracts
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.installed-dev ## measure speed and memory (ARGS='--write README.md' puts the table into the README)
	$(RUN) -m benchmarks $(ARGS)

profile: $(VENV)/.installed-dev ## print the seconds of each route: make profile MODEL=model.keras ARGS='--data x.npy'
	@$(RUN) -m benchmarks.profile $(MODEL) $(ARGS)

accuracy: $(VENV)/.installed-dev ## run kcheck on the corpora of models and of serving code, and count
	$(RUN) -m benchmarks.code_accuracy
	$(RUN) -m benchmarks.accuracy $(ARGS)

advice: $(VENV)/.installed-dev ## follow the advice of every cause in a faulty case, and run kcheck again
	$(RUN) -m pytest -n 2 --dist worksteal tests/advice --all-advice $(ARGS)

architectures: $(VENV)/.installed-dev ## run kcheck on keras.applications, keras_hub, keras_rs and keras-tcn: hours on 2 cores
	$(PYTHON) -m venv --clear $(VENV)/architectures
	echo "$(abspath $(VENV))/lib/$$(ls $(VENV)/lib)/site-packages" > $(VENV)/architectures/lib/$$(ls $(VENV)/lib)/site-packages/kcheck.pth
	$(VENV)/architectures/bin/python -m pip install --quiet --constraint constraints.txt keras-hub==0.32.0 keras-rs==0.4.0
	$(VENV)/architectures/bin/python -m pip install --quiet --no-deps keras-tcn==3.5.7
	$(VENV)/architectures/bin/python -m benchmarks.architectures $(ARGS)

examples: $(VENV)/.installed-dev ## run an example of every check and cause, and write docs/examples: about 5 minutes
	$(RUN) -m benchmarks.examples docs/examples $(ARGS)

exports: $(VENV)/.installed-dev ## export small models to every format, compare them, and write docs/exports.md
	$(RUN) -m benchmarks.exports --write docs/exports.md $(ARGS)

backends: $(VENV)/.installed-dev ## measure how Keras backends differ, and write docs/backends.md; needs JAX and PyTorch
	$(RUN) -m benchmarks.backends --write docs/backends.md $(ARGS)

behaviours: $(VENV)/.installed-dev ## measure what Keras and scikit-learn do, and write docs/behaviours.md
	$(RUN) scripts/behaviours.py --write docs/behaviours.md $(ARGS)

fuzz: $(VENV)/.installed-dev ## feed damaged files to everything that reads files (ARGS='--seconds 60 --only pickle')
	$(RUN) -m fuzz $(ARGS)

samples: $(VENV)/.installed ## build sample_models/*/model.keras and their data
	@$(RUN) sample_models/make_samples.py

docs: $(VENV)/.installed ## build the documentation as a site in build/site
	$(INSTALL) --editable '.[docs]'
	$(RUN) scripts/site.py build/docs
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet

tutorial: samples ## run the commands of docs/tutorial.md and docs/formats.md and write what they print into them
	$(RUN) scripts/transcripts.py docs/tutorial.md --write
	$(RUN) scripts/transcripts.py docs/formats.md --write

readme: samples ## draw the README's reports and write its table of checks again
	$(RUN) scripts/demo.py --write README.md

constraints: ## resolve the newest versions in a fresh environment and write constraints.txt
	$(PYTHON) scripts/constraints.py constraints.txt

wheel: ## build dist/*.whl
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) .venv-servers build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f sample_models/*/model.keras sample_models/*/*.npy sample_models/*/*.npz sample_models/*/scaler.pkl
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
