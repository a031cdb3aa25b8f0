# Every target sets itself up: only Python >= 3.11 and make are needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SEED   ?= 1
# Twice as many workers as cores: tests of time-outs and deadlines wait, and leave cores free. Long files are shared out.
TESTS  := -n 4 --dist worksteal -q

.PHONY: help demo test test-slow litellm lint format record cassettes faults bench bench-emulator ray soak schemas rules rules-mutation verify-live mutation conformance matrix build check-dist pictures docs site clean

help:           ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "%-15s %s\n", $$1, $$2 }'
	@echo
	@echo "Each sets itself up in .venv/ the first time (2 to 3 minutes). Times are of two cores."

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: needs Python 3.11 or newer, and this is " \
	    + sys.version.split()[0] + ". What to do: install one, and name it: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV)/ (2 to 3 minutes) ..." >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[all]" --group dev
	@touch $@

demo: $(READY)  ## RAG, a LangChain agent and a LlamaIndex agent: on the emulator, on the platform with MOONSHOT_API_KEY, or on a model server (MODEL_SERVER=http://127.0.0.1:11434/v1)
	@MODEL_SERVER=$(MODEL_SERVER) $(BIN)/python -m examples.demo

test: $(READY)  ## The tests but the slow ones. 9 minutes
	$(BIN)/python -m pytest $(TESTS) -m "not slow and not live"

test-slow: $(READY)  ## The slow tests: large files, long streams, packages in fresh environments. 9 minutes
	$(BIN)/python -m pytest -q -m "slow and not live"

lint: $(READY)  ## Check style, types, and which package may import which. 1 minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m scripts.verify_types
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.import_circles

format: $(READY)  ## Let ruff mend the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LITELLM := .litellm/.ready
$(LITELLM): scripts/litellm.txt
	@test -x .litellm/bin/python || $(PYTHON) -m venv .litellm
	@echo "Setting up .litellm/ (1 to 2 minutes) ..." >&2
	@.litellm/bin/python -m pip install -q --disable-pip-version-check -r scripts/litellm.txt
	@touch $@

litellm: $(READY) $(LITELLM)  ## Both adapters through a real LiteLLM proxy, with the emulator behind it (in .litellm/)
	$(BIN)/python -m pytest -q -m slow tests/contract/test_litellm.py

record: $(READY)  ## Record the answers that tests play back (cassettes/) anew: from the emulator, or with MOONSHOT_API_KEY from the platform
	KIMI_RECORD=1 $(BIN)/python -m pytest -q tests/cassettes

cassettes: $(READY)  ## List the recorded answers: where from, how old, which test. 30 seconds
	@$(BIN)/python -m scripts.cassettes

.PHONY: brain
brain: $(READY)  ## What the emulator answers to sixty prompts: writes docs/emulator-answers.md. 5 seconds
	$(BIN)/python -m scripts.brain_table

faults: $(READY)  ## What both frameworks make of each of the emulator's faults: writes docs/faults.md. 2 minutes
	$(BIN)/python -m scripts.faults $(FAULTS)

bench: $(READY)  ## CPU for a streamed chunk and for a call, beside the SDK. 1 minute
	$(BIN)/python -m benchmarks.run

bench-emulator: $(READY)  ## CPU of the emulator for a streamed chunk, and 1,000 open streams. 1 minute
	$(BIN)/python -m benchmarks.emulator

# An environment of its own: Ray weighs 700 MB, and nothing else here needs it.
.ray/.ready: pyproject.toml constraints.txt
	@test -x .ray/bin/python || $(PYTHON) -m venv .ray
	@echo "Setting up .ray/ (700 MB, 2 to 4 minutes) ..." >&2
	@.ray/bin/python -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	@.ray/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[ray,emulator,cli]"
	@touch $@

ray: .ray/.ready  ## 1,000 prompts and 200 files on Ray Data, with a real Redis and a worker that is killed (in .ray/). 2 minutes
	.ray/bin/python -m examples.ray_chat --rows 1000 --workers 2 --kill-one
	.ray/bin/python -m examples.ray_extract --rows 200 --workers 2 --kill-one

.PHONY: bench-peers
bench-peers: $(READY)  ## CPU of ours beside other packages, each in .bench/: writes docs/speed.md. Long: it wants a quiet machine
	$(BIN)/python -m benchmarks.peers

soak: $(READY)  ## 10,000 calls, 1,000 open streams, 50 threads, forks: do sockets, tasks and memory stay flat?
	$(BIN)/python -m benchmarks.soak

schemas: $(READY)  ## What becomes of 1,546 JSON Schemas on their way to Kimi: prints JSON. 1 minute
	$(BIN)/python -m scripts.mfjs_report

rules: $(READY)  ## The emulator's rules for requests, each with its tests: prints a table. 5 seconds
	@$(BIN)/python -m scripts.rules_table

rules-mutation: $(READY)  ## Spoil each rule of the emulator in turn: does a test fail?
	$(BIN)/python -m scripts.rules_mutation

verify-live: $(READY)  ## Ask the platform whether it has each rule, two requests each (needs MOONSHOT_API_KEY; a few cents; VERIFY="--tier 1")
	$(BIN)/python -m scripts.verify_live $(VERIFY)

mutation: $(READY)  ## Alter lines of the code, drawn by SEED: does a test fail? (SEED=1) 17 minutes
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --group mutation
	$(BIN)/python -m scripts.mutation --seed $(SEED)

conformance: $(READY)  ## Compare the emulator with the published OpenAPI document, where that is at hand (SEED=1)
	$(BIN)/python -m scripts.conformance --seed $(SEED)

matrix: $(READY)  ## The tests on the lowest and the newest openai, langchain-core and llama-index-core, in .matrix/ (MATRIX="--row lowest")
	$(BIN)/python scripts/matrix.py $(MATRIX)

build: $(READY)  ## What is published, into dist/: our wheel and sdist, and the two thin ones with LlamaIndex's names. 5 seconds
	$(BIN)/python packaging/build.py dist
	@ls -1 dist/*

check-dist: build  ## Build, and check whether the package index will show the pages as they are meant. 10 seconds
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --group release
	$(BIN)/python -m twine check --strict dist/*

pictures: $(READY)  ## Take the pictures in docs/pictures/ anew, from a run on the emulator (needs Chromium). 15 seconds
	$(BIN)/python -m scripts.pictures

# Mermaid itself, from npm: only who changes a diagram needs it.
MERMAID := .mermaid/package/dist/mermaid.min.js
$(MERMAID):
	@command -v npm > /dev/null || { echo "diagrams: needs npm. What to do: apt-get install npm" >&2; exit 1; }
	@mkdir -p .mermaid
	@cd .mermaid && tar xzf $$(npm pack -s mermaid@11.17.2) package/dist/mermaid.min.js

.PHONY: diagrams
diagrams: $(READY) $(MERMAID)  ## Draw docs/diagrams/ anew, from the Mermaid in the pages (needs npm and Chromium). 10 seconds
	$(BIN)/python -m scripts.diagrams $(MERMAID)

# An environment of its own: Chainlit pins its neighbours, and nothing else here needs it.
.chat_app/.ready: examples/chat_app/requirements.txt pyproject.toml
	@test -x .chat_app/bin/python || $(PYTHON) -m venv .chat_app
	@echo "Setting up .chat_app/ (500 MB, 2 to 4 minutes) ..." >&2
	@.chat_app/bin/python -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	@.chat_app/bin/python -m pip install -q --disable-pip-version-check -r examples/chat_app/requirements.txt -e ".[agents,llama-index,emulator,cli]"
	@touch $@

.PHONY: chat-app
chat-app: .chat_app/.ready  ## A chat in the browser that shows thinking, tools and cost, at http://localhost:8000 (CHAT_APP="--port 8001"; in .chat_app/)
	.chat_app/bin/python -m examples.chat_app $(CHAT_APP)

.PHONY: notebooks
notebooks: $(READY)  ## Run notebooks/ on the emulator, and keep what they show in them. 1 minute
	$(BIN)/python -m scripts.notebooks

docs: $(READY)  ## Run the code in README.md and docs/, and follow their links. 1 minute
	$(BIN)/python -m pytest -q tests/test_documents.py

site: $(READY)  ## The documentation as a site, into site/. 1 minute
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --group site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build -q
	@echo "site/index.html written: open it in a browser, or python3 -m http.server -d site (its search needs a server)"

clean:          ## Remove what the other targets made
	rm -rf $(VENV) .chat_app .litellm .ray .bench .matrix .mermaid .benchmarks .pytest_cache .ruff_cache .hypothesis mutants dist site
