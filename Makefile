# Thin aliases for those whose fingers know make: the fleet as containers, and the development commands.
.PHONY: build up down logs start test bench check

# The plugin where it is installed, else the program that came before it.
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

build: .env
	$(COMPOSE) build

# Builds what is not there yet.
up: .env
	$(COMPOSE) up -d

# Replicas that were kept alive (--on-exit keep) go too.
down: .env
	$(COMPOSE) stop
	docker ps -aq --filter label=roundhouse.fleet=$$(sed -n 's/^ID=//p' .env) | xargs -r docker rm -f
	$(COMPOSE) down

logs: .env
	$(COMPOSE) logs -f

# A token that nobody knows, and the group of the engine's socket.
.env:
	@socket=$${DOCKER_SOCKET:-/var/run/docker.sock}; umask 077; \
	sed -e "s|^ROUNDHOUSE_TOKEN=.*|ROUNDHOUSE_TOKEN=$$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')|" \
	    -e "s|^DOCKER_GID=.*|DOCKER_GID=$$(stat -c %g $$socket)|" \
	    -e "s|^DOCKER_SOCKET=.*|DOCKER_SOCKET=$$socket|" .env.example >.env
	@echo "made .env from .env.example"

start: node_modules
	npm start

test: node_modules
	npm test

bench: node_modules
	npm run bench

check: node_modules
	npm run check

node_modules: package-lock.json
	npm ci
	@touch node_modules
