# Every target sets up what it needs in .venv; a changed lock or pyproject.toml sets it up again.
# Words for the command itself go into ARGS: make run ARGS="serve --no-browser", make test ARGS="-k filter".
PYTHON ?= python3
export PYTHON

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command "make lock" --group build

.PHONY: dev run test lint build bench lock screenshots
.DELETE_ON_ERROR:
.NOTPARALLEL:

run: .venv/run.stamp
	@exec $(BIN)/promapp-lite $(ARGS)

dev: .venv/dev.stamp

test: .venv/dev.stamp
	@.ci/system test || true
	$(BIN)/python -m pytest -W error $(ARGS)

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python .ci/templates.py

# One file, dist/promapp-lite; ONEDIR=1 gives the folder dist/promapp-lite.d. The same source gives the same bytes.
build: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)
build: export PYTHONHASHSEED = 0
build: .venv/dev.stamp
	@.ci/system build
	$(BIN)/pyinstaller --noconfirm --clean --log-level WARN --distpath dist --workpath build build.spec

bench: .venv/dev.stamp
	$(BIN)/python -m bench $(ARGS)

# Pictures of the running product for the README, in docs/.
screenshots: .venv/dev.stamp
	@.ci/system test || true
	$(BIN)/python -m tests.screenshots

# Keeps the versions that still fit; make lock ARGS=--upgrade takes the newest.
lock: .venv/pyvenv.cfg
	$(PIP) install uv
	$(COMPILE) pyproject.toml -o requirements.lock $(ARGS)
	$(COMPILE) pyproject.toml -o requirements-dev.lock --extra dev -c requirements.lock $(ARGS)

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("promapp-lite needs Python 3.11 or newer: make PYTHON=...")'
	@$(PYTHON) -m venv --clear .venv >/dev/null 2>&1 || { .ci/system venv && $(PYTHON) -m venv --clear .venv; }

# A lock is whole, so pip resolves nothing: it would take in what has appeared since (--no-deps, then check).
.venv/run.stamp: requirements.lock
.venv/dev.stamp: requirements-dev.lock
.venv/run.stamp .venv/dev.stamp: pyproject.toml .venv/pyvenv.cfg
	@echo "Installing $(filter %.lock,$^) into .venv ..."
	@$(PIP) install --require-hashes --no-deps -r $(filter %.lock,$^)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip --disable-pip-version-check check
	@touch $@
