# make demo    set up, run both circuits on all simulators here, say where the reports lie
# make test    set up, pass the tests
# make test-long  the tests that take minutes; make test-cuda   GeNN's code for a GPU, without one
# make nest-mpi   NEST with MPI, for --ranks (builds it, once; see docs/mpi.md)
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
OUT    ?= runs/demo
# "different" (1) and "inconclusive" (6) are verdicts: the demo goes on
VERDICT = || case $$? in 1|6) ;; *) false ;; esac
# GeNN takes part where PyGeNN is installed. With the same synapses and Poisson events the spikes are
# the same; the ring is coupled continuously, for which NEST's neurons cannot draw their own events
GENN     = $(BIN)/python -c 'import pygenn' 2>/dev/null && echo
BACKENDS = nest,brian2$$($(GENN) ,genn)
SHARED   = --connectivity shared --noise brian2=shared$$($(GENN) ,genn=shared)
ALL      = --connectivity shared --noise shared
CONFORMANCE = netspec/testing tests/conformance

.PHONY: demo test test-long test-cuda nest-mpi lint circuits support clean
.DEFAULT_GOAL := demo

$(VENV)/ready: pyproject.toml Makefile
	sh scripts/system-packages.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[all,dev]'
	@# PyGeNN is in no registry; it is used where pip's own settings know a wheel of it
	@$(BIN)/python -m pip install --quiet --no-index pygenn 2>/dev/null \
	    || echo "no PyGeNN: see netspec doctor; its tests are skipped"
	touch $@

demo: $(VENV)/ready
	$(BIN)/netspec doctor
	$(BIN)/netspec validate microcircuit --variant pygenn --scale 0.1 --duration 4s \
	    --backends $(BACKENDS) $(ALL) --seeds 5 --ladder --out $(OUT) $(VERDICT)
	$(BIN)/netspec validate working_memory --backends $(BACKENDS) $(SHARED) --seeds 3 \
	    --cue-angle 180 --cue-strength 70pA --cue-width 40 --cue-start 600 --cue-duration 200 \
	    --warmup 500 --duration 1500 --approximate all --ladder --out $(OUT) $(VERDICT)
	@$(BIN)/netspec report $(OUT)/microcircuit-validation.json --brief
	@$(BIN)/netspec report $(OUT)/working_memory-validation.json --brief
	@echo
	@echo "The reports: $(abspath $(OUT))/microcircuit-report.html"
	@echo "             $(abspath $(OUT))/working_memory-report.html"

test: $(VENV)/ready
	$(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile --max-worker-restart 0 $(PYTEST_ARGS)

test-long: $(VENV)/ready
	$(BIN)/python -m pytest -m long $(PYTEST_ARGS)

# the code that GeNN generates for a GPU, on a stand-in for one; skipped where PyGeNN has no CUDA
test-cuda: $(VENV)/ready
	$(BIN)/python -m pytest $(CONFORMANCE) tests/cuda -k "genn or cuda" -m "not long" -n 2 \
	    --dist loadfile --max-worker-restart 0 --stand-in --option device=cuda $(PYTEST_ARGS)
	$(BIN)/python -m pytest $(CONFORMANCE) -k genn -m "not long" -n 2 --dist loadfile --max-worker-restart 0 \
	    --stand-in --option device=cuda --option precision=single $(PYTEST_ARGS)

nest-mpi: $(VENV)/ready
	sh scripts/nest-mpi.sh $(BIN)/python

# mypy and import-linter see the package as it is installed: backends/ is netspec.backends there
lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/lint
	$(BIN)/python -m pip install --quiet --no-deps --target build/lint .
	MYPYPATH=build/lint $(BIN)/mypy -p netspec
	cd build/lint && ../../$(BIN)/lint-imports --config ../../pyproject.toml

# the TOML files of the circuits, from their builders
circuits: $(VENV)/ready
	$(BIN)/netspec show microcircuit --toml > netspec/circuits/potjans_diesmann/microcircuit.toml
	$(BIN)/netspec show working_memory --toml > netspec/circuits/compte_ring/working_memory.toml
	$(BIN)/netspec show inhibitory_balance --toml > netspec/circuits/vogels_balance/inhibitory_balance.toml

# what the adapters' ledgers say of every thing of a description
support: $(VENV)/ready
	$(BIN)/python scripts/support_matrix.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
