.DEFAULT_GOAL := help
SHELL := bash

GOLANGCI_VERSION := 2.15.0
CACHE            := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/moim
GOLANGCI         := $(CACHE)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
KO_VERSION       := 0.18.0
KO               := $(CACHE)/ko-$(KO_VERSION)/ko
HELM_VERSION := 3.19.4
HELM         := $(CACHE)/helm-$(HELM_VERSION)/helm
CONTROLLER_GEN_VERSION := 0.21.0
CONTROLLER_GEN         := $(CACHE)/controller-gen-$(CONTROLLER_GEN_VERSION)/controller-gen

# make up PORT=9000
PORT := 8080

.PHONY: help
help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

# Built first and not `go run`: a signal to make then reaches the program itself, which stops all that it started.
.PHONY: up
up: .moim/bin/up ## Run the platform on http://localhost:8080, with whatever it needs; Ctrl-C stops it, its data stays in .moim.
	@exec .moim/bin/up -port $(PORT)

.PHONY: prepare
prepare: .moim/bin/up ## Install and build what running and testing need.
	@exec .moim/bin/up -prepare

.PHONY: .moim/bin/up
.moim/bin/up:
	@go build -o $@ ./test/up

.PHONY: build
build: ## Build the services, into .moim/bin, and the web client.
	go build -o .moim/bin/ ./services/... ./test/up
	$(MAKE) web

.PHONY: web
web: ## Build the web client, into services/web/dist.
	npm --prefix services/web ci --no-audit --no-fund
	npm --prefix services/web run build

SERVICES := gateway realtime auth user customer chat message
# The tag of the images.
TAG := dev

.PHONY: images
images: $(KO) ## Make an image of each service and of the operator, and push them to $KO_DOCKER_REPO (make images TAG=0.1.0).
	@[ -n "$$KO_DOCKER_REPO" ] || { echo "set KO_DOCKER_REPO to the registry and path that the images go to"; exit 1; }
	$(MAKE) web
	$(KO) build --base-import-paths --tags $(TAG) --sbom=none $(KOFLAGS) $(SERVICES:%=./services/%) ./operator

$(KO):
	@echo "building ko $(KO_VERSION), once"
	@GOBIN=$(dir $@) go install github.com/google/ko@v$(KO_VERSION)

# Packages that run a platform of their own run one after the other, and beside them those that need none.
APART := ./operator/... ./charts/... ./dapr-components/...

.PHONY: test
test: prepare ## Run all tests on real parts (PKG=./services/chat/... runs those of a package).
ifdef PKG
	go test -race -p 1 -timeout 30m $(PKG)
else
	go test -race -p 1 -timeout 30m $(APART) & apart=$$!; \
	  go test -race -p 1 -timeout 30m $$(go list ./... | grep -vxF "$$(go list $(APART))"); status=$$?; \
	  wait $$apart && exit $$status
	npm --prefix services/web test
endif

# The tags test and test-next are the same programs, for an upgrade. What else it needs is in the package's comment.
.PHONY: test-cluster
test-cluster: $(HELM) ## Test the operator and a platform on the cluster of $KUBECONFIG, with images pushed to $MOIM_TEST_REGISTRY.
	@[ -n "$$KUBECONFIG" ] && [ -n "$$MOIM_TEST_REGISTRY" ] || { echo "set KUBECONFIG to the cluster's, and MOIM_TEST_REGISTRY to a registry that it pulls from"; exit 1; }
	KO_DOCKER_REPO="$$MOIM_TEST_REGISTRY" $(MAKE) images TAG=test,test-next
	PATH="$(dir $(HELM)):$$PATH" go test -tags cluster -count=1 -v -timeout 20m ./test/cluster

$(HELM):
	@echo "building helm $(HELM_VERSION), once"
	@GOBIN=$(dir $@) go install helm.sh/helm/v3/cmd/helm@v$(HELM_VERSION)

# Docker, kind, kubectl, helm and skaffold are the user's: what is missing is named, with where to get it.
.PHONY: kind-up
kind-up: ## Run the platform on a cluster in Docker, rebuilt when a file is saved (make kind-up PROFILE=kafka).
	@test/kind/up $(PROFILE)

.PHONY: bench
bench: prepare ## Measure the platform under load and print the table.
	go run ./test/bench

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate what follows from the types of the ChatPlatform: its definition, and how it is copied.
	$(CONTROLLER_GEN) object crd paths=./operator/api/... output:object:dir=operator/api/v1alpha1 output:crd:dir=charts/moim-operator/crd

# What is committed must be what generate makes.
.PHONY: generated
generated: $(CONTROLLER_GEN)
	@$(CONTROLLER_GEN) object crd paths=./operator/api/... output:dir=.moim/generated
	@diff -u operator/api/v1alpha1/zz_generated.deepcopy.go .moim/generated/zz_generated.deepcopy.go && \
	  diff -u charts/moim-operator/crd/moim.dev_chatplatforms.yaml .moim/generated/moim.dev_chatplatforms.yaml || \
	  { echo "the types of the ChatPlatform have changed: run make generate and commit what it writes"; exit 1; }

$(CONTROLLER_GEN):
	@echo "building controller-gen $(CONTROLLER_GEN_VERSION), once"
	@GOBIN=$(dir $@) go install sigs.k8s.io/controller-tools/cmd/controller-gen@v$(CONTROLLER_GEN_VERSION)

.PHONY: lint
lint: $(GOLANGCI) generated ## Check style and common mistakes.
	$(GOLANGCI) run
	cd services/web && { [ -d node_modules ] || npm ci --no-audit --no-fund; } && npm run lint

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION), once"
	@GOBIN=$(dir $@) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)

.PHONY: clean
clean: ## Remove what was built; the platform's data in .moim stays.
	rm -rf .moim/bin .moim/bin-race .moim/web-* services/web/dist services/web/node_modules
