# dexkit's commands; `make` lists them. Everything lives in .venv, nothing global.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(wildcard native/src/*.[ch] native/include/*.h host/build_core.py setup.py)

.PHONY: help setup build test coverage budget-trials lint bench fuzz damage powercut soak rings way way-of-a-test unplugs clock-trials referee change flash-pulls bench-store store-damage store-power store-kills demo docs generate clean calibration-trials faults bench-monitor

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What each goal needs beyond the base install is an extra of pyproject.toml; a stamp remembers it is there.
$(VENV)/.base: $(BIN)/python pyproject.toml $(CORE)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,engineer,postgres,store]'
	@touch $@

# Node's packages for the outer rings; without a network their tests say so and are skipped.
$(VENV)/.rings: $(VENV)/.dev host/dexkit/sim/engines/js/package-lock.json
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[rings]'
	command -v node >/dev/null && command -v npm >/dev/null || \
		$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[node]'
	$(BIN)/python -m dexkit.sim.engines.node
	@touch $@

# Virtual boards run the published sensor drivers.
$(VENV)/.kit: $(VENV)/.base
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[flash]'
	@touch $@

$(VENV)/.bench: $(VENV)/.base
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

setup: $(VENV)/.dev ## make .venv with all that development needs

build: $(VENV)/.base ## compile the C core and install dexkit into .venv

test: $(VENV)/.rings ## run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

FIRMWARE_TESTS := tests/test_firmware*.py tests/test_net.py tests/test_flash.py
coverage: $(VENV)/.dev ## run the firmware's tests on CPython; fail below 90 % of its lines and branches
	$(BIN)/python -m coverage run -m pytest $(FIRMWARE_TESTS)
	$(BIN)/python -m coverage combine
	$(BIN)/python -m coverage report

budget-trials: $(VENV)/.dev ## hold the error budget of each number against what KITS=100 kits scatter by
	$(BIN)/python -m tests.budget_trials $(KITS)

lint: $(VENV)/.dev ## check style, types and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m dexkit.protocol.generate --check
	$(BIN)/python -m dexkit.hardware --check
	$(BIN)/python -m dexkit.report.measures --check
	$(BIN)/python -m dexkit.assess.page --check

bench: $(VENV)/.bench ## race dexkit against its peers and print one table
	$(BIN)/python -m benchmarks

bench-store: $(VENV)/.dev ## time what pages ask of records: 5,000 people, 200,000 trials, three databases
	$(BIN)/python -m benchmarks.store

bench-monitor: $(VENV)/.dev ## say what share of a core the monitor takes with four boards in real time
	$(BIN)/python -m benchmarks.monitor

fuzz: $(VENV)/.dev ## throw damaged bytes (minutes) and odd samples (an hour) at the C core
	$(BIN)/python -m tests.fuzz

damage: $(VENV)/.dev ## damage a recording at every byte, in every way: some twenty minutes
	$(BIN)/python -m tests.damage

store-damage: $(VENV)/.dev ## flip 10,000 bits of a backup; each must be found, and what it hit named
	$(BIN)/python -m tests.store_damage

store-power: $(VENV)/.dev ## cut the power, or fill the disk, at every write of a session with records
	$(BIN)/python -m tests.store_power

store-kills: $(VENV)/.dev ## kill a process that runs trials, 500 times, and 50 times during recovery
	$(BIN)/python -m tests.store_kills

MINUTES ?= 30
powercut: $(VENV)/.dev ## cut the power at every write and erase of updates, in four ways
	$(BIN)/python -m tests.powercut
	$(BIN)/python -m tests.powercut_pico

flash-pulls: $(VENV)/.rings ## pull the cable at every step of `dexkit flash`; the next run must heal it: an hour
	$(BIN)/python -m tests.flash_pulls

soak: $(VENV)/.dev ## play MINUTES=30 of the whole kit on a bad line; count what is lost or invented
	$(BIN)/python -m tests.soak $(MINUTES)

referee: $(VENV)/.dev ## break each rule of the timed tests, and none in 200 clean trials; print the rulings
	$(BIN)/python -m tests.referee_table

faults: $(VENV)/.dev ## plant every fault of a kit and a computer, and test 100 healthy kits; print the table
	$(BIN)/python -m tests.faults

rings: $(VENV)/.rings ## run the firmware on MicroPython and an emulated Pico; write docs/firmware-figures.md
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[rings]'
	$(BIN)/python -m tests.rings

way: $(VENV)/.rings ## record and score each object on each engine; compare with the world: ten minutes
	$(BIN)/python -m tests.way

way-of-a-test: $(VENV)/.dev ## run the three usual tests with both hands from start to note; compare with the world
	$(BIN)/python -m tests.way_of_a_test

UNPLUGS ?= 1000
unplugs: $(VENV)/.dev ## pull the cable UNPLUGS=1000 times at any byte; say how soon samples flow again
	$(BIN)/python -m tests.soak unplugs $(UNPLUGS)

TRIALS ?= 1000
clock-trials: $(VENV)/.dev ## say how far sample times are off over TRIALS=1000 simulated half hours
	$(BIN)/python -m tests.clock_world $(TRIALS)

KITS ?= 100
calibration-trials: $(VENV)/.dev ## calibrate KITS=100 kits with hidden errors; say how often they are found
	$(BIN)/python -m tests.calibration_trials $(KITS)

PEOPLE ?= 1000
change: $(VENV)/.dev ## say how often change is claimed of PEOPLE=1000 stable people of each severity, and found
	$(BIN)/python -m tests.change_world $(PEOPLE)

demo: $(VENV)/.kit ## score three simulated tests and make a page to look at
	$(BIN)/dexkit demo

docs: $(VENV)/.base ## write the generated documentation
	$(BIN)/python -m dexkit.protocol.generate
	$(BIN)/python -m dexkit.hardware
	$(BIN)/python -m dexkit.report.measures
	$(BIN)/python -m dexkit.assess.page

generate: docs ## write everything that follows from the schema and the hardware files

clean: ## remove all that was built
	rm -rf $(VENV) build dist out host/*.egg-info host/dexkit/_core.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
