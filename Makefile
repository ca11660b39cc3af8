# As root on Debian 12; every target does its own set-up. V=1 prints commands and their whole output.

PYTHON := .venv/bin/python
Q := $(if $(filter-out 0,$(V)),,@)

.PHONY: demo test check docs bench lint venv lab clean
# The tests start site.py thousands of times; without compiled files each start takes a third longer.
unexport PYTHONDONTWRITEBYTECODE
# Two steps of the set-up may want apt's lock.
.NOTPARALLEL:

demo: venv lab  ## watch one site being deployed, attacked, and taken down again; KEEP=1: not taken down
	$(Q)$(PYTHON) -m tests.demo $(if $(KEEP),--keep)

# Tests of hosts wait much of their time, so more of them run at once than a small machine has cores. They
# come first, because some take minutes. A file stays with one worker, which deploys for all of its tests.
test: venv lab  ## every test, those that boot hosts included
	$(Q)echo "running every test, eight at a time"
	$(Q)$(PYTHON) -m pytest -n 8 --dist loadfile --no-loadscope-reorder

check: lint  ## the linters and the unit tests, without the slow ones
	$(Q)$(PYTHON) -m pytest -n 4 --dist worksteal -m "not slow" tests/unit

docs: venv  ## write the generated parts of docs/
	$(Q)$(PYTHON) -m tests.pages

bench: venv lab  ## what runs, pushes, bans, events and hostile lines cost, beside netmiko, pyinfra and the recipe
	$(PYTHON) -m tests.bench.fortios  # fails where it is not faster
	$(PYTHON) -m tests.bench.bans
	$(PYTHON) -m tests.bench.receiver
	$(PYTHON) -m tests.bench.rules
	$(PYTHON) -m tests.bench.disk
	$(PYTHON) -m tests.bench.parse
	$(PYTHON) -m tests.bench.fuzz
	$(PYTHON) -m tests.bench.campaigns
	$(PYTHON) -m tests.bench.campaigns.sharing
	$(PYTHON) -m tests.bench.replay
	$(PYTHON) -m tests.bench.check
	$(PYTHON) -m tests.bench.rerun
	$(PYTHON) -m tests.bench.thousand

lint: venv
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	MYPYPATH=templates:templates/shared $(PYTHON) -m mypy --python-version 3.10 -p receiver -p rules -p share -p watch -p page -p banstitch_shared
	MYPYPATH=templates/detection:templates/shared $(PYTHON) -m mypy --python-version 3.10 templates/detection/*.py
	.venv/bin/lint-imports --no-logo

venv: .venv/ready

.venv/ready: requirements.txt requirements-dask.txt requirements-dev.txt
	$(Q)sh tests/lab/install.sh venv

lab:
	$(Q)sh tests/lab/install.sh lab

clean:  ## the environment, the caches, lab hosts that nobody owns and the file systems they start from
	if [ -x $(PYTHON) ]; then $(PYTHON) -m tests.lab.debian clean; fi
	rm -rf $${XDG_CACHE_HOME:-$$HOME/.cache}/banstitch-bench
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
