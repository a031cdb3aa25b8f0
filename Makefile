# Every target sets itself up: only Python >= 3.11 and make are needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SEED   ?= 1
# Twice as many workers as cores: tests of time-outs and deadlines wait, and leave cores free. Long files are shared out.
TESTS  := -n 4 --dist worksteal -q

.PHONY: help demo test test-slow litellm lint format record cassettes faults bench bench-emulator ray soak schemas rules rules-mutation verify-live mutation conformance matrix build check-dist pictures docs site clean

help:           ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) ..." >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[all]" --group dev
	@touch $@

demo: $(READY)  ## RAG, a LangChain agent and a LlamaIndex agent, on the emulator or (with MOONSHOT_API_KEY) on the platform (MODEL_SERVER=http://127.0.0.1:11434/v1)
	@MODEL_SERVER=$(MODEL_SERVER) $(BIN)/python -m examples.demo

test: $(READY)  ## the fast tier: everything but what is marked slow
	$(BIN)/python -m pytest $(TESTS) -m "not slow and not live"

test-slow: $(READY)  ## the rest: large files, long streams
	$(BIN)/python -m pytest -q -m "slow and not live"

lint: $(READY)  ## style, types, and the arrows between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m scripts.verify_types
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.import_circles

format: $(READY)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LITELLM := .litellm/.ready
$(LITELLM): scripts/litellm.txt
	@test -x .litellm/bin/python || $(PYTHON) -m venv .litellm
	@echo "Setting up .litellm ..." >&2
	@.litellm/bin/python -m pip install -q --disable-pip-version-check -r scripts/litellm.txt
	@touch $@

litellm: $(READY) $(LITELLM)  ## both adapters through a real LiteLLM proxy, in an environment of its own, in front of the emulator
	$(BIN)/python -m pytest -q -m slow tests/contract/test_litellm.py

record: $(READY)  ## make the cassettes anew: from the emulator, or with MOONSHOT_API_KEY from the platform
	KIMI_RECORD=1 $(BIN)/python -m pytest -q tests/cassettes

cassettes: $(READY)  ## list them by origin, age and test
	@$(BIN)/python -m scripts.cassettes

.PHONY: brain
brain: $(READY)  ## what the emulator answers to sixty prompts, and docs/emulator-answers.md anew
	$(BIN)/python -m scripts.brain_table

faults: $(READY)  ## what both frameworks make of each of the emulator's faults, and docs/faults.md anew
	$(BIN)/python -m scripts.faults $(FAULTS)

bench: $(READY)  ## CPU per streamed chunk and per call, beside the SDK in the same run
	$(BIN)/python -m benchmarks.run

bench-emulator: $(READY)  ## the emulator's own CPU per streamed chunk, and 1,000 open streams
	$(BIN)/python -m benchmarks.emulator

# An environment of its own: Ray weighs 700 MB, and nothing else here needs it.
.ray/.ready: pyproject.toml constraints.txt
	@test -x .ray/bin/python || $(PYTHON) -m venv .ray
	@echo "Setting up .ray ..." >&2
	@.ray/bin/python -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	@.ray/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[ray,emulator,cli]"
	@touch $@

ray: .ray/.ready  ## 1,000 prompts and 200 files on Ray Data: two workers, a real Redis, one worker killed in the middle
	.ray/bin/python -m examples.ray_chat --rows 1000 --workers 2 --kill-one
	.ray/bin/python -m examples.ray_extract --rows 200 --workers 2 --kill-one

.PHONY: bench-peers
bench-peers: $(READY)  ## ours beside its peers, each in an environment of its own (.bench/), and the page docs/speed.md
	$(BIN)/python -m benchmarks.peers

soak: $(READY)  ## 10,000 calls, 1,000 open streams, 50 threads, forks: sockets, tasks and memory stay flat
	$(BIN)/python -m benchmarks.soak

schemas: $(READY)  ## what becomes of 1,500 schemas of all kinds, as JSON
	$(BIN)/python -m scripts.mfjs_report

rules: $(READY)  ## the emulator's rules by section, each with the tests that speak for it
	@$(BIN)/python -m scripts.rules_table

rules-mutation: $(READY)  ## spoil each rule of the emulator in turn: a test must fail then
	$(BIN)/python -m scripts.rules_mutation

verify-live: $(READY)  ## each rule's two requests to the platform, once (needs MOONSHOT_API_KEY; a few cents; VERIFY="--tier 1")
	$(BIN)/python -m scripts.verify_live $(VERIFY)

mutation: $(READY)  ## alter lines of what decides about requests and answers, drawn by SEED: a test must fail (SEED=1; 17 minutes on two cores)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --group mutation
	$(BIN)/python -m scripts.mutation --seed $(SEED)

conformance: $(READY)  ## the emulator against the published OpenAPI document, where it is at hand (SEED=1)
	$(BIN)/python -m scripts.conformance --seed $(SEED)

matrix: $(READY)  ## the fast tier on the lowest and the newest openai, langchain-core and llama-index-core (MATRIX="--row lowest")
	$(BIN)/python scripts/matrix.py $(MATRIX)

build: $(READY)  ## what is published, into dist/: our wheel and sdist, and the thin ones with LlamaIndex's names
	$(BIN)/python packaging/build.py dist

check-dist: build  ## the same, and whether the package index will show it as it is meant
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --group release
	$(BIN)/python -m twine check --strict dist/*

pictures: $(READY)  ## docs/pictures anew: an agent in a terminal and in the inspector, from a run on the emulator (needs Chromium)
	$(BIN)/python -m scripts.pictures

# Mermaid itself, from npm: only who changes a diagram needs it.
MERMAID := .mermaid/package/dist/mermaid.min.js
$(MERMAID):
	@mkdir -p .mermaid
	@cd .mermaid && tar xzf $$(npm pack -s mermaid@11.17.2) package/dist/mermaid.min.js

.PHONY: diagrams
diagrams: $(READY) $(MERMAID)  ## docs/diagrams anew, from the Mermaid in the pages (needs npm and Chromium)
	$(BIN)/python -m scripts.diagrams $(MERMAID)

# An environment of its own: Chainlit pins its neighbours, and nothing else here needs it.
.chat_app/.ready: examples/chat_app/requirements.txt pyproject.toml
	@test -x .chat_app/bin/python || $(PYTHON) -m venv .chat_app
	@echo "Setting up .chat_app ..." >&2
	@.chat_app/bin/python -m pip install -q --disable-pip-version-check --upgrade "pip>=25.1"
	@.chat_app/bin/python -m pip install -q --disable-pip-version-check -r examples/chat_app/requirements.txt -e ".[agents,llama-index,emulator,cli]"
	@touch $@

.PHONY: chat-app
chat-app: .chat_app/.ready  ## a chat in the browser that shows thinking, tools and cost, on the emulator or the platform (CHAT_APP="--port 8001")
	.chat_app/bin/python -m examples.chat_app $(CHAT_APP)

.PHONY: notebooks
notebooks: $(READY)  ## run notebooks/ on the emulator, and keep what they show
	$(BIN)/python -m scripts.notebooks

docs: $(READY)  ## check that the code in README.md and docs/ runs, and that its links lead somewhere
	$(BIN)/python -m pytest -q tests/test_documents.py

site: $(READY)  ## the documentation as a site, into site/: pages, reference from the docstrings, changelog; a warning is an error
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt --group site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build -q

clean:          ## remove what the targets made
	rm -rf $(VENV) .chat_app .litellm .ray .bench .matrix .mermaid .benchmarks .pytest_cache .ruff_cache .hypothesis mutants dist site
