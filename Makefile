# make stage-3c                        the reference solution
# make stage-3c SOLUTION=./my/3c       your Go package
# make stage-3c BIN=./my-node          your executable, in any language
# make stage-3c BIN=./my-node ARGS="-- --verbose"   anything else that glomers test takes

STAGES := 1 2 3a 3b 3c 3d 3e 4 5a 5b 5c 6a 6b 6c

SOLUTION ?=
BIN ?=
ARGS ?=

SEEDS ?= 1000

.PHONY: build list stages seeds test lint $(STAGES:%=stage-%)

build:
	@go build -o bin/glomers ./cmd/glomers

$(STAGES:%=stage-%): stage-%: build
	@bin/glomers test $* $(SOLUTION) $(if $(BIN),--bin $(BIN)) $(ARGS)

# All stages, one after the other; it ends with the first that fails.
stages:
	@for stage in $(STAGES); do $(MAKE) --no-print-directory stage-$$stage || exit; done

# Many seeds of every stage's reference solution, then of its hard mode. A
# thousand take some hours.
seeds: build
	@for stage in $(STAGES); do \
		bin/glomers explore $$stage --seeds $(SEEDS) && bin/glomers explore $$stage --seeds $(SEEDS) --hard || exit; \
	done

list: build
	@bin/glomers list

test:
	go test ./...

lint:
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt -w $$files" >&2; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
