# make demo   three gateways exchange trucks' data, on this machine, of which one only fetches
# make demo-ha   the same of two gateways on one database, of which one is killed; the clients
#                ask again at the other, and both sides are counted
# make torture-store KILLS=300   gateways and their database killed so many times under load
# make torture   gateways that end at each step of their work in turn, whose disk fails, is full, or has lost
#                what it had, and gateways that are killed: what is promised is checked after each
# make torture-check   the same of gateways that were broken in one line each: it is found
# make test   everything that is checked, as the README says
# make build  bin/gatewayd, bin/gatewayctl, bin/demo, bin/partnersim

GO  ?= go
BUF  = $(GO) tool -modfile=../../buf.mod buf

.PHONY: demo demo-ha torture bin/torture torture-store torture-check test test-parallel test-alone build deps test-deps generate published bench bench-exchange bench-store clean

demo: build
	@bin/demo -bin bin

demo-ha: build test-deps
	@bin/demo -bin bin -ha 150

# The following, and all ways in which two gateways on files are treated badly, half an hour.
torture: torture-store bin/torture bin/earlier
	@bin/demo -bin bin/torture -trials all

KILLS ?= 30
torture-store: build test-deps
	@bin/demo -bin bin -torture $(KILLS)

# Gateways made with each of a list of one-line changes are struck likewise: what each breaks is found.
torture-check: build test-deps
	@bin/demo -torture 10 -mutations cmd/demo/testdata/mutations.txt

# Gateways that end at a step, or have a wrong clock, if the environment says so, which no others do.
bin/torture: deps
	@$(GO) build -ldflags "-X customs.example/gateway/store.stepsVariable=CUSTOMS_STEPS -X main.clockVariable=CUSTOMS_CLOCK" -o bin/torture/ ./cmd/gatewayd ./cmd/gatewayctl

# The gateway as it was at an earlier commit, which is upgraded while it works.
EARLIER ?= 7e085e3
bin/earlier: deps
	@dir=$$(mktemp -d) && trap "rm -rf $$dir" EXIT && git archive $(EARLIER) | tar -x -C $$dir && $(GO) -C $$dir build -o $(CURDIR)/bin/earlier/ ./cmd/gatewayd

build: deps
	@$(GO) build -o bin/ ./cmd/...

# Each test runs once. Those with several goroutines at work are called TestParallel, which
# gateway/layers_test.go holds them to, and run with the race detector; all others, which it
# would make several times slower, without. SQLite, C translated to Go, is left out of it: each
# of its connections is one goroutine's at a time. That package alone: one with generic code
# would give its own, without the detector, to all others. go vet has run before.
PARALLEL = -vet=off -timeout 20m -race -gcflags='modernc.org/...=-d=checkptr=0' -gcflags='modernc.org/sqlite/lib=-race=false -d=checkptr=0' -ldflags=-w -run '^TestParallel' \
	$$(grep -rl --include='*_test.go' '^func TestParallel' cmd gateway | xargs -n1 dirname | sort -u | sed 's,^,./,')
ALONE = -vet=off -timeout 20m -skip '^TestParallel'
# What flow draws it draws the same each time, so that what fails is what was changed; DRAWS=0 draws anew.
# So do the awkward lines between the gateways of the stories, with LINE_SEED.
DRAWS ?= 11
# Databases of tests lie in memory where there is room: half of their time went to the disk.
MEMORY = $(shell df -m --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 >= 4096 {print "GOTMPDIR=$${TMPDIR:-/tmp} TMPDIR=/dev/shm"}')
TESTS = GOGC=400 $(MEMORY) $(GO) tool -modfile=gotestsum.mod gotestsum --format pkgname --format-hide-empty-pkg --jsonfile $(OUT)

test: test-deps
	@unformatted=$$(gofmt -l cmd gateway mappings xsd); if [ -n "$$unformatted" ]; then echo "gofmt: $$unformatted"; exit 1; fi
	@$(GO) vet ./...
	@out=$$(mktemp -d) && trap "rm -rf $$out" EXIT && { $(MAKE) --no-print-directory -k -j2 OUT=$$out test-parallel test-alone; failed=$$?; \
		echo "the five slowest tests:" && cat $$out/*.json | $(GO) tool -modfile=gotestsum.mod gotestsum tool slowest --num 5; exit $$failed; }

test-parallel:
	@$(TESTS)/parallel.json -- $(PARALLEL)

test-alone:
	@$(TESTS)/flow.json -- $(ALONE) ./gateway/flow -rapid.seed=$(DRAWS)
	@$(TESTS)/alone.json -- $(ALONE) $$($(GO) list ./... | grep -v '/gateway/flow$$')

# libxml2 and a C compiler, and xmllint for the session in the README.
deps:
	@missing=; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	command -v pkg-config >/dev/null || missing="$$missing pkg-config"; \
	pkg-config --exists libxml-2.0 2>/dev/null || missing="$$missing libxml2-dev"; \
	command -v xmllint >/dev/null || missing="$$missing libxml2-utils"; \
	$(INSTALL)

# What only tests need: xsltproc for those that compare with others, Python, curl and openssl for the
# page of who fetches, strace, which has a disk fail, PostgreSQL for those of
# the store, which start one of their own, and of Prometheus the tool that checks figures.
test-deps: deps bin/promtool bin/redocly
	@missing=; \
	command -v xsltproc >/dev/null || missing="$$missing xsltproc"; \
	for tool in python3 curl openssl strace; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	$(INSTALL)

INSTALL = if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "installing$$missing"; log=$$(mktemp); \
			{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; } >$$log 2>&1 \
				|| { cat $$log; exit 1; }; \
		else \
			echo "install first: sudo apt-get install$$missing"; exit 1; \
		fi; \
	fi

# The tool alone, out of Debian's package: to install that would start a server.
bin/promtool:
	@mkdir -p bin; \
	if tool=$$(command -v promtool); then ln -sf "$$tool" bin/promtool; \
	elif command -v apt-get >/dev/null; then \
		echo "fetching promtool"; out=$$(mktemp -d) && trap "rm -rf $$out" EXIT && chmod 755 $$out && \
		(cd $$out && { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; } >log 2>&1 \
			&& dpkg-deb -x prometheus_*.deb . && test -x usr/bin/promtool || { cat log; exit 1; }) && \
		install -m 755 $$out/usr/bin/promtool bin/promtool; \
	else echo "install first: promtool, of Prometheus"; exit 1; fi

# The linter of OpenAPI files, one package from npm; it wants a newer Node.js than Debian 12
# has, which is on npm too.
NODE = 20.20.2
bin/redocly: gateway/api/lint/package-lock.json
	@mkdir -p bin; missing=; command -v npm >/dev/null || missing="$$missing npm"; $(INSTALL)
	@rm -rf bin/lint && cp -r gateway/api/lint bin/lint && echo "fetching redocly" && cd bin/lint && \
		quiet="--ignore-scripts --no-audit --no-fund --loglevel=error" && npm ci $$quiet >/dev/null && node=$$(command -v node) && \
		if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || a == 22 && b >= 12 || a == 20 && b >= 19 ? 0 : 1)'; then \
			arch=$$(node -p process.arch) && npm install --no-save $$quiet node-linux-$$arch@$(NODE) >/dev/null && node=$$PWD/node_modules/node-linux-$$arch/bin/node; \
		fi && printf '#!/bin/sh\nexec "%s" "%s/node_modules/@redocly/cli/bin/cli.js" "$$@"\n' "$$node" "$$PWD" >../redocly && chmod +x ../redocly

# Go code from the protos and from the store's SQL, with the sums that tests compare.
generate:
	cd gateway/api && $(BUF) generate
	$(GO) test ./gateway/api -run TestOpenAPIIsFinished -update
	$(GO) test ./gateway/api -run TestSums -update
	cd gateway/store && $(GO) tool -modfile=../../sqlc.mod sqlc generate
	$(GO) test ./gateway/store -run TestSums -update

# Rewrites expected results; review them as a diff.
published:
	$(GO) test ./mappings ./gateway/document ./gateway/api ./gateway/analysis ./cmd/gatewayctl ./cmd/gatewayd -update

bench: test-deps
	$(GO) test -run '^$$' -bench . -benchmem ./gateway/... ./mappings

# What whole gateways do, and a full store: cmd/gatewayd/BENCHMARKS.md.
bench-exchange: test-deps
	@$(GO) test -run '^$$' -bench '^BenchmarkExchange$$' -benchtime 1x -timeout 20m ./cmd/gatewayd

bench-store: test-deps
	@$(GO) test -run '^$$' -bench '^BenchmarkStore$$' -benchtime 1x -timeout 4h ./cmd/gatewayd

clean:
	rm -rf bin
