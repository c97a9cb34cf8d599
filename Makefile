# Everything one does with this repository. `make` alone lists it.

SHELL := /bin/bash
TIME ?= 30s
GOLANGCI_VERSION := v2.15.0

# The race detector needs a C compiler. Without one the tests run without it, and say so.
CC_FOUND := $(shell command -v $$(go env CC) 2>/dev/null)
RACE := $(if $(CC_FOUND),-race,)

# The race detector needs cgo.
GOTEST := $(if $(RACE),CGO_ENABLED=1) go test $(RACE) -shuffle=on

.PHONY: help test setup servers soak lint fuzz bench bench-async faults demo fmt tidy

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: ## run all tests, on real servers, with the race detector where there is a C compiler
	@$(if $(RACE),,echo "no C compiler: the tests run without the race detector (install gcc for it)";)
	@scripts/setup || echo "going on without them: what isn't tested is listed at the end"
	@$(GOTEST) ./...
	@list=$$(mktemp); cd integration; PLINTH_NOT_TESTED=$$list $(GOTEST) -count=1 ./...; status=$$?; \
	  sort -u $$list; rm -f $$list; exit $$status

setup: ## install the database servers that the tests run against
	@scripts/setup

servers: ## start one of each server, print their URLs, and run them until Ctrl-C
	@cd integration && go build -o ../bin/servers ./cmd/servers && exec ../bin/servers

soak: ## run the long form of the tests that are shortened in make test
	@cd integration && PLINTH_SOAK=1 go test -timeout 60m -run Soak -v ./...

lint: bin/golangci-lint ## check style, mistakes and the direction of dependencies
	@bin/golangci-lint run ./...
	@cd integration && ../bin/golangci-lint run -c ../.golangci.yml ./...

bin/golangci-lint:
	@echo "building golangci-lint $(GOLANGCI_VERSION) into bin/, once"
	@GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

fuzz: ## run every fuzz target for TIME each (TIME=30s; TIME=1000000x counts executions)
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(TIME) -fuzzminimizetime 10x $$pkg; \
	  done; done

bench: ## measure Plinth beside its peers, in one run
	@cd integration && go run ./bench

bench-async: ## measure what batches gain many callers
	@cd integration && go run ./benchasync

faults: ## cut, kill and restart servers under exactly-once work, count every token, and write docs/faults.md
	@cd integration && go run ./faults -out ../docs/faults.md

demo: ## a tour of a minute
	@go run ./cmd/plinth demo

fmt: ## format the code
	@gofmt -w $$(git ls-files '*.go')

tidy: ## bring go.mod and go.sum up to date
	@go mod tidy && cd integration && go mod tidy
