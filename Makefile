# Set-up, the demo and the tests. Two commands do it all: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= runs
WORKERS ?= 2
export OMP_NUM_THREADS ?= 1

.PHONY: help install weights demo test check bench docs clean \
	test-slow test-weights test-shared test-gpu test-slurm test-browser test-wheel

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

install: $(VENV)/.installed  ## make the environment in $(VENV)

# torch comes first and alone: without an NVIDIA driver a CUDA build, several GB, is refused before it is fetched.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --dry-run --report $(VENV)/torch.json -c constraints.txt torch
	@if grep -q '"name": "nvidia-' $(VENV)/torch.json && [ ! -e /proc/driver/nvidia/version ] && [ -z "$(CUDA)" ]; then \
		echo "The package index offers torch with CUDA only, and this machine has no NVIDIA driver."; \
		echo "Name PyTorch's CPU wheel index: PIP_EXTRA_INDEX_URL=<index> make $(or $(MAKECMDGOALS),install)"; \
		echo "or take the CUDA build all the same: make CUDA=1 $(or $(MAKECMDGOALS),install)"; exit 1; fi
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

weights: install  ## fetch the small pretrained weights (pinned, checked)
	$(BIN)/merit prepare weights

demo: install  ## mix, enhance, train and evaluate on the bundled sample, then name the report
	@$(BIN)/merit prepare weights || echo "going on without the pretrained weights"
	$(BIN)/merit mix --snr -5,0,5 --workers $(WORKERS) --runs-dir $(DEMO)
	$(BIN)/merit enhance --workers $(WORKERS) --runs-dir $(DEMO)
	$(BIN)/merit train --model sparse-merit --set epochs=16 --runs-dir $(DEMO)
	$(BIN)/merit evaluate --metrics f1,uar,ssnr,ssnr-active,si-sdr,pesq,stoi --workers $(WORKERS) --runs-dir $(DEMO)

check: install  ## style, types, import contracts
	$(BIN)/ruff check merit_cli tests recipes data_manifests
	$(BIN)/ruff format --check merit_cli tests recipes data_manifests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

NOT_BY_DEFAULT := not slow and not weights and not shared and not gpu and not slurm and not browser and not wheel

test: check  ## the checks and the tests
	$(BIN)/python -m pytest -n $(WORKERS) -m "$(NOT_BY_DEFAULT)"

test-slow test-weights test-shared test-gpu test-slurm test-browser test-wheel: install
	$(BIN)/python -m pytest -m $(@:test-%=%) tests

bench: install  ## every benchmark of recipes/benchmarks
	@for script in recipes/benchmarks/*.py; do [ -e "$$script" ] && $(BIN)/python "$$script"; done; true

docs: install  ## write the help texts that the documents quote
	$(BIN)/python -m pytest -q tests/cli/test_golden.py --update-golden

clean:  ## remove the environment and caches, never runs
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
