# microcurrent: everything a newcomer or CI runs. Each target sets up what it needs; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# A network that answers nothing must cost seconds, not minutes.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --timeout 15 --retries 2
export MICROCURRENT_BUILD := $(CURDIR)/build

FIRMWARE_FOR := $(or $(BOARD),rp2040_pico)

.DEFAULT_GOAL := help
.PHONY: help demo test check campaign rungs update-torture programs pulls mutation tables boards spice bench soak sigrok proxy sim flash firmware firmware-twice test-frozen image setup clean distclean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup image  ## boot the virtual Pico, flash it, run a treatment, show what was delivered
	$(BIN)/microcurrent demo

test: setup image  ## run every test
	@$(BIN)/microcurrent image --production >/dev/null \
		|| echo "NO PRODUCTION IMAGE CAN BE BUILT HERE (see above why): the tests that boot one are skipped"
	@$(MAKE) --no-print-directory build/stubs/esp32
	@$(BIN)/python -m tests.esp32.unix_port >/dev/null \
		|| echo "MICROPYTHON'S UNIX PORT CANNOT BE BUILT HERE (see above why): the ESP32's scenarios are skipped"
	$(BIN)/python -m pytest -n 2 --dist worksteal
	@echo "Line and branch coverage of firmware/shared, firmware/core and the interrupt's stages by their cases:"
	@$(BIN)/coverage run -m pytest -q tests/dual/test_dual.py tests/interrupt/test_stages.py -k "cpython or case"
	@$(BIN)/coverage report --skip-empty

check: setup  ## lint, formatting and types (host, and both boards against their stubs)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(MAKE) --no-print-directory build/stubs/rp2 build/stubs/esp32
	$(BIN)/basedpyright --project boards/rp2040_pico/pyrightconfig.json
	$(BIN)/basedpyright --project boards/esp32_devkit/pyrightconfig.json

campaign: setup image  ## every fault x state x phase on the virtual Pico, double faults, random sequences, plug pulls
	$(BIN)/python -m tests.campaign
	$(BIN)/python -m tests.campaign doubles
	$(BIN)/python -m tests.campaign random --cases $(or $(CASES),10000)
	$(BIN)/python -m tests.campaign pulls --count $(or $(PULLS),500)

update-torture: setup image  ## cut 200 uploads short by power, cable or program: whole firmware, no current (half an hour)
	$(BIN)/python -m tests.update.torture --count $(or $(CUTS),200)

programs: setup image  ## every supplied programme at its full length on the virtual Pico (an hour of emulated time)
	$(BIN)/python -m tests.whole

rungs: setup image  ## the scenarios of real boards on virtual ones behind ports, rung by rung (RUNG=bare ... for one)
	$(BIN)/python -m tests.hil.run_rungs $(RUNG)

mutation: setup  ## change the safety files in every small way: each change must make a test fail
	$(BIN)/python -m tests.mutation

tables: setup  ## write the tables of README.md, docs/interrupt.md and tests/hazards/HAZARDS.md anew from their data
	$(BIN)/python -m tests.readme
	$(BIN)/python -m tests.interrupt.tables
	$(BIN)/python -m tests.hazards render

boards: setup  ## write wiring tables and pin diagrams of boards/*/README.md anew from board.py
	$(BIN)/python -m microcurrent.output_stage.board_pages

spice: setup  ## calculate the output stage in ngspice: every fault, tolerances, dynamics; write its page (25 minutes on two cores)
	$(BIN)/python -m microcurrent.output_stage

bench: setup image  ## measure: rates, jitter, cost, signal quality, against what a user would write (five minutes)
	$(BIN)/python -m tests.bench.measure

soak: setup image  ## a minute of sessions at the wire's limit, 22.2 and 13.7 kS/s (three minutes)
	$(BIN)/python -m tests.bench.soak

sigrok: setup image  ## read a session's VCD with sigrok-cli's I2C decoder and compare every DAC code
	@$(BIN)/python -m tests.bench.sigrok_check

proxy: setup image  ## the ESP32's engine on the emulated RP2040: what it keeps; table of its page (two minutes)
	$(BIN)/python -m tests.esp32.proxy

sim: setup image  ## run the virtual Pico until Ctrl-C and print its port
	$(BIN)/microcurrent sim

flash: setup  ## upload the firmware to a real board: make flash PORT=/dev/ttyACM0
	$(BIN)/microcurrent flash $(if $(PORT),--port $(PORT))

firmware: setup  ## build the production image, modules frozen: make firmware BOARD=rp2040_pico
	$(BIN)/microcurrent image --production --board $(FIRMWARE_FOR) --output build/microcurrent-$(FIRMWARE_FOR).uf2

firmware-twice: setup  ## the production image from nothing in two places: the same bytes
	$(BIN)/python -m tests.twice $(FIRMWARE_FOR)

test-frozen: setup  ## all of tests/hil and the quick campaign on production images (about 15 minutes)
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/hil --frozen
	$(BIN)/python -m tests.campaign --frozen --quick

image: setup  ## obtain the MicroPython image (cache, download or build) and show it
	$(BIN)/microcurrent image

setup: $(READY)  ## create the Python environment in .venv

$(READY): pyproject.toml firmware/board_packages.txt host/microcurrent/bench/build_core.sh host/microcurrent/bench/fast_core.pyx
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is older; set PYTHON=..."; exit 1; }
	@echo "Setting up the Python environment in $(VENV) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV) || { echo "venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(PIP) --editable '.[dev]'
	@$(PIP) --no-deps --requirement firmware/board_packages.txt
	@host/microcurrent/bench/build_core.sh $(BIN)/python
	@touch $@

build/stubs/%: | $(READY)
	@$(PIP) --target $@ micropython-$*-stubs==1.29.0.post1

clean:  ## remove what was built and recorded here
	rm -rf build .pytest_cache .ruff_cache .hypothesis .coverage*

distclean: clean  ## also remove the Python environment
	rm -rf $(VENV) *.egg-info host/*.egg-info
