# make setup | test | test-oldest | lint | demo [SCENE=folder] | bench [SCENE=folder]. Nothing outside .venv and .venv-oldest is touched; no system packages are needed.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
OLDEST := .venv-oldest
STAMP := $(VENV)/.setup-$(shell cat setup.py constraints.txt Makefile | cksum | tr ' ' '-')
REMEDY := error: $(PYTHON) has no ensurepip, so it cannot make a virtual environment; \
	install it (Debian, Ubuntu: apt install python3-venv) or name another: make setup PYTHON=python3.11

.PHONY: setup test test-oldest lint demo bench clean

setup: $(STAMP)

# The stamp's name holds the hash of what decides the environment: unchanged means nothing to do.
$(STAMP):
	@test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo '$(REMEDY)' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $(VENV)/COLCON_IGNORE
	$(BIN)/python -m pip install --quiet --no-compile --use-pep517 -c constraints.txt -e '.[dev]'
	@rm -f $(VENV)/.setup-*
	@touch $@

OVERLAY := nmap_reloc/standalone/overlay
STANDINS := rclpy tf2_ros cv_bridge diagnostic_updater launch launch_ros ament_index_python

# The overlay by itself: its packages bear the names of ROS 2's own.
lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd $(OVERLAY) && MYPYPATH=.:../../.. ../../../$(BIN)/mypy --config-file= \
		--ignore-missing-imports --disallow-untyped-defs $(addprefix -p ,$(STANDINS))

test: lint
	$(BIN)/python -m pytest -q

# The same tests with the oldest versions that setup.py allows, in an environment of their own.
test-oldest:
	$(PYTHON) -m venv $(OLDEST)
	@touch $(OLDEST)/COLCON_IGNORE
	grep -o '[a-z][a-z0-9-]*>=[0-9a-z.]*' setup.py | sed 's/>=/==/' > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python -m pip install --quiet --no-compile --use-pep517 \
		-c $(OLDEST)/constraints.txt -e '.[dev]'
	$(OLDEST)/bin/python -m pytest -q

demo: setup
	$(BIN)/nmap-reloc demo $(SCENE)

# Speed, memory and start-up; results in .cache/speed/results. Some minutes.
bench: setup
	$(BIN)/python benchmarks/speed.py $(if $(SCENE),--scene $(SCENE))

clean:
	rm -rf build install log *.egg-info .mypy_cache .ruff_cache .pytest_cache
