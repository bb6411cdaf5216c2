# Every target sets up what it needs in .venv; a changed lock or pyproject.toml sets it up again.
# Words for the command itself go into ARGS: make run ARGS="serve --no-browser", make test ARGS="-k filter".
# Another Python beside the first: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
export PYTHON

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command "make lock" --group build

.PHONY: dev run test test-all lint build windows bench lock screenshots
.DELETE_ON_ERROR:
.NOTPARALLEL:

run: $(VENV)/run.stamp
	@exec $(BIN)/promapp-lite $(ARGS)

dev: $(VENV)/dev.stamp

test: $(VENV)/dev.stamp
	@.ci/system test || true
	$(BIN)/python -m pytest -W error -m "not extended" $(ARGS)

# Also what takes long, or needs a tool that make test does not install (a reverse proxy).
test-all: $(VENV)/dev.stamp
	@.ci/system test-all || true
	$(BIN)/python -m pytest -W error $(ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python .ci/templates.py

# One file, dist/promapp-lite; ONEDIR=1 gives the folder dist/promapp-lite.d. The same source gives the same bytes.
build: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)
build: export PYTHONHASHSEED = 0
build: $(VENV)/dev.stamp
	@.ci/system build
	$(BIN)/pyinstaller --noconfirm --clean --log-level WARN --distpath dist --workpath build build.spec

# dist/promapp-lite.exe, built and tried under Wine on Debian; sets Wine up where it may.
windows:
	packaging/windows/build.sh . $(ARGS)

bench: $(VENV)/dev.stamp
	$(BIN)/python -m bench $(ARGS)

# Pictures of the running product for the README, in docs/.
screenshots: $(VENV)/dev.stamp
	@.ci/system test || true
	$(BIN)/python -m tests.screenshots

# Keeps the versions that still fit; make lock ARGS=--upgrade takes the newest.
lock: $(VENV)/pyvenv.cfg
	$(PIP) install uv
	$(COMPILE) pyproject.toml -o requirements.lock $(ARGS)
	$(COMPILE) pyproject.toml -o requirements-dev.lock --extra dev -c requirements.lock $(ARGS)

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("promapp-lite needs Python 3.11 or newer: make PYTHON=...")'
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || { .ci/system venv && $(PYTHON) -m venv --clear $(VENV); }

# A lock is whole, so pip resolves nothing: it would take in what has appeared since (--no-deps, then check).
$(VENV)/run.stamp: requirements.lock
$(VENV)/dev.stamp: requirements-dev.lock
$(VENV)/run.stamp $(VENV)/dev.stamp: pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing $(filter %.lock,$^) into $(VENV) ..."
	@$(PIP) install --require-hashes --no-deps -r $(filter %.lock,$^)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@
