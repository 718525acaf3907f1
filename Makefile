# The goals a person needs; `make help` lists them from the comments below.
#
# PYTHON=/path/to/python3.12 chooses the interpreter of .venv (CPython 3.11, 3.12 or 3.13; python3 by default).

SHELL := bash
.SHELLFLAGS := -uo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: all workflow test test-full audit bench peers docs environment lock clean help

PYTHON ?= python3
# Only a person who names an interpreter wants an environment that was made with another one replaced.
named := $(if $(filter file,$(origin PYTHON)),,named)

# Jobs of the workflow and the tests call `python` by name.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Modules from outside .venv would stand in front of the locked ones.
unexport PYTHONPATH PYTHONHOME

install := bash envs/install '$(PYTHON)' $(named)

all: workflow  ## make the environment, then run the workflow on the default cohort
	@$(if $(findstring make all failed,$(shell tail -n 1 make-all.log)),$(error make all failed; its log is make-all.log))

# A failure is noted in the log and reported by `all`, because make prints a line of its own after a recipe that fails,
# and the last line is to name the log.
workflow:
	@{ $(install) && python -m snakemake --cores all all; } 2>&1 | tee -i make-all.log
	status=$$?
	[ $$status = 0 ] || echo "make all failed with exit status $$status" >> make-all.log

test: environment  ## run the tests: numbers, formats, the workflow end to end, style and types (under 10 minutes)
	@python -m pytest --numprocesses 2 --dist loadfile -m "not full"

test-full: environment  ## run every test, also the sweeps of which `make test` takes a sample
	@python -m pytest --numprocesses 2 --dist loadfile

audit: environment  ## judge every printed number without weights, a minute at the most, and write the page
	@python -m snakemake --cores all audit report --config cohort=none

bench: environment  ## print the ratios of speed and memory (a few minutes)
	@python tests/benchmarks/ratios.py
	python tests/support/by_rule.py

peers:  ## make .venv-peers from envs/peers.lock: the tools that `make bench` compares with, PyTorch among them (5 GB)
	@set -e
	rm -rf .venv-peers
	'$(PYTHON)' -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
	    -r envs/peers.lock
	# Last, so that an interrupted installation is not measured.
	cp envs/peers.lock .venv-peers/origin

docs: environment  ## write the generated parts of README.md and docs/
	@python tests/support/manual.py

environment:  ## make .venv from envs/requirements.lock, if it is absent or stale
	@$(install)

lock:  ## remake envs/*.lock from envs/*.in; versions already locked stay (delete a lock to renew all in it)
	@set -e
	folder=$$(mktemp -d)
	trap 'rm -rf "$$folder"' EXIT
	'$(PYTHON)' -m venv "$$folder"
	"$$folder/bin/python" -m pip install --quiet --disable-pip-version-check uv
	for name in requirements peers; do
	    "$$folder/bin/uv" pip compile --generate-hashes --universal --python-version 3.11 --fork-strategy fewest \
	        --no-annotate --no-header --quiet "envs/$$name.in" --output-file "envs/$$name.lock"
	done

clean:  ## remove .venv, and nothing else
	@rm -rf .venv

help:  ## list the goals
	@sed -n 's/^\([a-z-]*\):[a-z ]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18
