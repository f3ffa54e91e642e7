# make stage-3c                        the reference solution
# make stage-3c SOLUTION=./my/3c       your Go package
# make stage-3c BIN=./my-node          your executable, in any language
# make stage-3c BIN=./my-node ARGS="-- --verbose"   anything else that glomers test takes

STAGES := 1 2 3a 3b 3c 3d 3e 4 5a 5b 5c 6a 6b 6c

SOLUTION ?=
BIN ?=
ARGS ?=

SEEDS ?= 1000

.PHONY: build list stages seeds determinism test test-all broken race mutants lint screenshots $(STAGES:%=stage-%) $(STAGES:%=compare-%) docs report-speed engines

build:
	@test -x bin/glomers || echo "building bin/glomers: the first time, Go fetches the modules that it needs and compiles them"
	@go build -o bin/glomers ./cmd/glomers

$(STAGES:%=stage-%): stage-%: build
	@bin/glomers test $* $(SOLUTION) $(if $(BIN),--bin $(BIN)) $(ARGS)

# All stages, one after the other; it ends with the first that fails.
stages:
	@for stage in $(STAGES); do $(MAKE) --no-print-directory stage-$$stage || exit; done

# Many seeds of every stage's reference solution, and of its hard mode, with strict
# checks. They are run in parts, whose results are kept in store/seeds: what was
# interrupted goes on with the first part that is missing. After a change of the
# program, remove them. A thousand seeds of all stages take some hours.
PARTS ?= 20
SEED_STAGES ?= $(STAGES)

seeds: build
	@mkdir -p store/seeds; failed=0; \
	for stage in $(SEED_STAGES); do for mode in "" -hard; do \
		parts=store/seeds/$$stage$$mode-$(SEEDS)-seeds; \
		for part in $$(seq $(PARTS)); do \
			file=$$parts-$$part-of-$(PARTS).json; \
			test -s $$file && continue; \
			bin/glomers explore $$stage $${mode:+--hard} --strict --seeds $(SEEDS) --shard $$part/$(PARTS) --json >$$file.part; \
			test $$? -le 1 || exit; \
			mv $$file.part $$file; \
		done; \
		echo "stage $$stage$$mode"; \
		bin/glomers explore --merge $$parts-*-of-$(PARTS).json || failed=1; \
	done; done; exit $$failed

# One seed of each stage, again and again: with native simulation, every byte is the
# same, however busy the machine is and whatever the collectors do.
REPETITIONS ?= 100

determinism:
	GLOMERS_LONG=1 go test ./internal/cli -run TestDeterminism -timeout 0 -v -args -repetitions=$(REPETITIONS)

# make compare-3d measures the designs of a stage and rewrites the table in its write-up.
$(STAGES:%=compare-%): compare-%: build
	@bin/glomers compare $* --write

# Runs the commands that the pages show, writes what they print into the pages, and
# draws their pictures.
docs:
	go test ./internal/fresh -run TestOutput -update -timeout 60m

# Runs every reference solution on each engine, compares, and rewrites the table in
# docs/simulation.md: a quarter of an hour, on a machine that does nothing else.
engines:
	go test ./internal/stagetest -run 'TestEngines$$' -count 1 -timeout 60m -v -args -engines

# Takes the screenshots of glomers serve and of the report anew; needs Chromium.
screenshots:
	go test ./internal/cli -run TestScreenshots -count 1 -args -screenshots
	go test ./internal/recorded -run TestScreenshots -count 1 -args -screenshots $(CURDIR)/docs/images

# Measures the report of a large run: how long it takes to write, and how smoothly
# Chromium moves its diagram. It leaves a run of 5b in the store.
report-speed: build
	-bin/glomers test 5b ./stages/5b-kafka/broken/read-then-write --seed 3
	REPORT_RUN=$(CURDIR)/store/kafka/latest go test ./internal/recorded -count 1 -run TestSpeed -v

list: build
	@bin/glomers list

# The quick tests: the reference solutions pass, the starters fail, each broken
# solution is caught.
test:
	go test ./...

# All tests: several seeds of each stage, hard mode, the same bytes for the same
# seed, and the race detector besides.
test-all: race
	GLOMERS_LONG=1 go test -timeout 60m ./...

# Counts the seeds that catch each broken solution and compares with its first comment;
# UPDATE=1 writes the counts there. BROKEN=3c counts those of one stage, BROKEN=3c_gives-up
# one of them. A seed takes up to a few seconds of CPU: one to two hours for a hundred of each.
BROKEN ?=
BROKEN_SEEDS ?= 100
BROKEN_ENGINE ?= sim

broken:
	go test ./internal/stagetest -run 'TestBrokenSeeds/^$(BROKEN)' -timeout 0 -v -args -broken-seeds=$(BROKEN_SEEDS) -broken-engine=$(BROKEN_ENGINE) $(if $(UPDATE),-update)

# Whatever runs goroutines of its own, and what they call.
RACE := ./checkers/... ./internal/kernel ./internal/network ./internal/service ./internal/nemesis ./internal/workload \
	./internal/nodeio ./internal/process ./internal/runner ./internal/trial ./internal/web ./internal/sim/...

race:
	go test -race -timeout 60m $(RACE)

# Changes the code in small ways, one after the other, and runs the tests of the
# package: a change that no test notices is listed as LIVED (docs/testing.md). Each
# change compiles and links the tests of its package, so all of it takes hours;
# MUTATED=internal/kernel does one package, in minutes. Directories below a package are
# part of it, except the two guests of sim, whose tests run all the same, once: sim is
# not in the list because that alone takes minutes.
MUTATED ?= internal/kernel internal/spec internal/network internal/service internal/nodeio internal/nemesis internal/workload \
	internal/store internal/verdict internal/trial internal/trace internal/runner internal/solution \
	internal/jepsen internal/fressian checkers
GREMLINS := go run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0

mutants:
	@for package in $(MUTATED); do \
		echo "== $$package"; $(GREMLINS) unleash --workers 1 --timeout-coefficient 30 --output-statuses lct --exclude-files '^(native|wasm)/' ./$$package || exit; \
	done

lint:
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt -w $$files" >&2; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
