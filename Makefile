# Thin aliases for those whose fingers know make.
.PHONY: up test bench check

up: node_modules
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
