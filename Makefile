# `make` alone says what there is. Works with GNU make 3.81 (macOS) and newer, in any directory:
# all paths are relative and quoted.

.DEFAULT_GOAL := help
COMMA := ,
# Hundreds of programs and several workers of pytest read the same modules: compiled once, not each time.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help play test test-long test-neighbours test-cl cl-sdk bench bench-peers docs reference clean python

# What a test run needs comes on top of what playing needs, in the same .venv.
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check \
	--only-binary :all: -c constraints.txt

# The newest Python that has venv, found by running it: a name on the PATH may be a mere shim.
# `make PYTHON=/a/python3.12 ...` asks for a certain one, for a .venv that is still to be made.
define FIND_PYTHON
found=; old=; bare=; \
for name in $(if $(PYTHON),'$(PYTHON)',python3.14 python3.13 python3.12 python3.11 python3 python); do \
	version=$$("$$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	if ! "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then old="$$name $$version"; \
	elif ! "$$name" -c 'import venv, ensurepip' 2>/dev/null; then bare=$${bare:-$$name}; \
	else found=$$name; break; fi; \
done; \
if [ -z "$$found" ]; then \
	if [ -n "$$bare" ]; then \
		echo "$$bare: has no venv; on Debian or Ubuntu: apt-get install $$bare-venv" >&2; \
	else \
		echo "Python: found $${old:-none}, CREPE needs 3.11 or newer." >&2; \
		echo "Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv; macOS: brew install python" >&2; \
		echo "elsewhere: python.org, or pyenv install 3.13 (then make PYTHON=that-python play)" >&2; \
	fi; \
	exit 1; \
fi
endef

# Makes or completes an environment unless it holds what the two files ask for, in this very place.
# $(1): the extras, such as [test]; $(2): the name of the stamp; $(3): the environment, if not .venv.
define PREPARE
@wanted="$$(cat pyproject.toml constraints.txt | cksum) $$PWD"; venv=$(or $(3),.venv); \
if [ "$$(cat $$venv/$(2) 2>/dev/null)" = "$$wanted" ] && $$venv/bin/python -c '' 2>/dev/null; then exit 0; fi; \
if ! $$venv/bin/python -c 'import pip' 2>/dev/null || ! grep -qF "$$PWD/$$venv" $$venv/pyvenv.cfg; then \
	$(FIND_PYTHON); \
	echo "Making $$venv with $$("$$found" --version) ..."; \
	rm -rf $$venv && "$$found" -m venv $$venv || exit 1; \
fi; \
echo "Installing into $$venv (a minute or two, the first time) ..."; \
$$venv/bin/python $(PIP_INSTALL) -e '.$(1)' && echo "$$wanted" > $$venv/$(2)
endef

help:
	@echo "make play [ROUNDS=n] [LOCKSTEP=1]  play Rock-Paper-Scissors with a simulated culture, 10 rounds if"
	@echo "                      none are given; LOCKSTEP=1: in simulated time, for a slow or busy machine"
	@echo "make test             format, lint, types, imports, and all tests but the long ones"
	@echo "make test-long        whole stacks, the live page, faults, long experiments, the wheel"
	@echo "make test-neighbours  what programs of others read of CREPE's files and streams, with those programs"
	@echo "make test-cl          the same with the CL SDK (CC BY-NC 4.0), which needs Python 3.12: PYTHON=..."
	@echo "make docs             build the documentation: build/docs/html/index.html"
	@echo "make reference        bring the pages up to date that are generated from the code"
	@echo "make bench            measure speed, as ratios within one run"
	@echo "make bench-peers      the same work by CREPE, ZeroMQ, ezmsg, LSL, plain redis-py and others, in turn"
	@echo "make clean            remove the environments and what tools left behind; recordings in var/ stay"
	@echo "make python           which Python a new .venv would be made with (PYTHON=... to choose)"

play:
	$(call PREPARE,,installed)
	@.venv/bin/crepe play --rounds '$(or $(ROUNDS),10)' $(if $(LOCKSTEP),--lockstep)

# Two workers for each of two cores: many tests wait for a process.
test:
	$(call PREPARE,[test$(COMMA)analysis],installed-test)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m pytest -n 4 --dist loadfile \
		--ignore tests/long --ignore tests/system --ignore tests/neighbours

# Two at once on two cores: a stack takes half a core once it runs.
test-long:
	$(call PREPARE,[test$(COMMA)analysis],installed-test)
	.venv/bin/python -m pytest -n 2 --dist loadfile tests/long tests/system

# Their versions change for reasons of their own, so they have an environment of their own.
test-neighbours:
	$(call PREPARE,[neighbours],installed,.venv-neighbours)
	.venv-neighbours/bin/python -m pytest -n auto --dist loadfile tests/neighbours

# An environment of its own: no extra brings the CL SDK, whose licence is CC BY-NC 4.0. One of its
# dependencies, in pure Python, has no wheel.
cl-sdk:
	$(call PREPARE,[test],installed,.venv-cl)
	@.venv-cl/bin/python $(PIP_INSTALL) --no-binary python-louvain cl-sdk

test-cl:
	$(call PREPARE,[test],installed,.venv-cl)
	@if $(MAKE) --no-print-directory cl-sdk; then \
		.venv-cl/bin/python -m pytest -n 2 --dist loadfile \
			tests/neighbours/test_cl*.py tests/neighbours/test_neighbours_page.py; \
	else echo "cl-sdk cannot be had: its tests are skipped"; fi

bench:
	$(call PREPARE,[test$(COMMA)analysis],installed-test)
	.venv/bin/python -m benchmarks

# The CL SDK has its own environment, if a Python is here that it runs with.
bench-peers:
	$(call PREPARE,[peers],installed,.venv-peers)
	@for python in '$(PYTHON)' python3.12 "$(HOME)"/.pyenv/versions/3.12*/bin/python; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
			$(MAKE) --no-print-directory PYTHON="$$python" cl-sdk || true; break; \
		fi; \
	done
	.venv-peers/bin/python -m benchmarks.peers

# -E: the tree of pages depends on all of them. The build needs no network.
docs:
	$(call PREPARE,[docs],installed-docs)
	.venv/bin/python -m sphinx -q -E -W --keep-going -b html -d build/docs/doctrees docs build/docs/html
	@echo "build/docs/html/index.html"

reference:
	$(call PREPARE,,installed)
	.venv/bin/python -m docs.generate

clean:
	rm -rf .venv .venv-neighbours .venv-cl .venv-peers build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf .import_linter_cache benchmarks/results
	find crepe tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -d var ]; then echo "var/ (recordings, logs) is still there; remove it by hand"; fi

python:
	@$(FIND_PYTHON); "$$found" --version && command -v "$$found"
