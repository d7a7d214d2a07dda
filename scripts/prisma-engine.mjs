#!/usr/bin/env node
// Replaces Prisma's native schema engine, a binary download, with its WebAssembly build, an npm package,
// behind the same interface (JSON-RPC, one message a line, on stdin and stdout). Prisma runs it through
// PRISMA_SCHEMA_ENGINE_BINARY.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import { query } from './bootstrap/postgres.mjs';
import { createDatabaseIfMissing } from './bootstrap/prisma.mjs';

const PANIC_OR_FAILURE = 4466;
const PRISMA_ERRORS = { '3D000': 'P1003', '28P01': 'P1000' };
const UNREACHABLE = 'P1001';

// Types of PostgreSQL's catalogue that the adapter does not support, and the types to read them as.
const CHAR_TYPE = 18;
const READABLE_TYPES = { [CHAR_TYPE]: 25 /* "char" as text */, 1003: 1009 /* name[] as text[] */ };

const argv = process.argv.slice(2);
if (argv.includes('--version')) {
  console.log('schema-engine-cli wasm');
} else if (argv.includes('cli')) {
  await runCommand(argv.at(-1));
} else {
  await serve();
}

function optionValues(name) {
  return argv.flatMap((arg, index) => (arg === name ? [argv[index + 1]] : []));
}

function databaseUrl() {
  return JSON.parse(optionValues('--datasource')[0] ?? '{}').url ?? 'postgresql://127.0.0.1:1/none';
}

function withDatabase(name) {
  const url = new URL(databaseUrl());
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

async function runCommand(command) {
  const database = decodeURIComponent(new URL(databaseUrl()).pathname.slice(1));
  try {
    if (command === 'create-database') await createDatabaseIfMissing(withDatabase('postgres'), database);
    else await query(databaseUrl(), 'SELECT 1');
  } catch (error) {
    const fields = { error_code: PRISMA_ERRORS[error.code] ?? UNREACHABLE, message: error.message };
    process.stderr.write(
      `\n${JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields })}\n`,
    );
    process.exitCode = 1;
  }
}

async function serve() {
  let engine;
  let printed = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    const { id, method, params } = JSON.parse(line);
    // A message without a method answers one of our prints.
    if (!method) continue;
    try {
      engine ??= await startEngine();
      const result = await engine[method === 'getDatabaseVersion' ? 'version' : method](params);
      if (method === 'diff' && result?.stdout) {
        printed += 1;
        send({ id: printed, method: 'print', params: { content: result.stdout } });
      }
      send({ id, result: result ?? {} });
    } catch (error) {
      send({ id, error: describeFailure(error) });
    }
  }
}

function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}

function describeFailure(error) {
  const message = String(error?.message ?? error);
  return {
    code: PANIC_OR_FAILURE,
    message,
    data: { is_panic: false, message, error_code: error?.code ?? null, meta: error?.meta ?? null },
  };
}

async function startEngine() {
  const bindings = await loadWebAssembly();
  const datamodels = optionValues('--datamodels').map((path) => [path, readFileSync(path, 'utf8')]);
  const options = {
    datamodels: datamodels.length > 0 ? datamodels : undefined,
    datasource: JSON.parse(optionValues('--datasource')[0] ?? '{}'),
    enabledPreviewFeatures: (optionValues('--enabled-preview-features')[0] ?? '').split(',').filter(Boolean),
  };
  return bindings.SchemaEngine.new(options, () => {}, bindMigrationAwareSqlAdapterFactory(adapterFactory()));
}

async function loadWebAssembly() {
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const modulePath = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm');
  const code = readFileSync(modulePath.replace('schema_engine.js', 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(code, { './schema_engine_bg.js': bindings });
  bindings.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => process.stderr.write(`${message}\n`) };
  return bindings;
}

function adapterFactory() {
  const factory = new PrismaPg({ connectionString: databaseUrl() });
  const connect = factory.connect.bind(factory);
  factory.connect = async () => completeAdapter(await connect());
  factory.connectToShadowDb = async () => connectToShadow(await factory.connect());
  return factory;
}

/** A scratch database in which Prisma replays the migrations to compare them with the schema. */
async function connectToShadow(admin) {
  const database = `prisma_migrate_shadow_db_${randomUUID()}`;
  await admin.executeScript(`CREATE DATABASE "${database}"`);
  const shadow = completeAdapter(await new PrismaPg({ connectionString: withDatabase(database) }).connect());
  const dispose = shadow.dispose.bind(shadow);
  shadow.dispose = async () => {
    await dispose();
    await admin.executeScript(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`);
    await admin.dispose();
  };
  return shadow;
}

/** Adds to an adapter (or a transaction of it) what only migrations need. */
function completeAdapter(adapter) {
  readCatalogueTypes(adapter);
  // The adapter splits scripts at every semicolon, even within comments and function bodies. PostgreSQL
  // accepts whole scripts.
  adapter.executeScript = async (script) => {
    await adapter.client.query(script).catch((error) => adapter.onError(error));
  };
  const startTransaction = adapter.startTransaction?.bind(adapter);
  if (startTransaction)
    adapter.startTransaction = async (...args) => completeAdapter(await startTransaction(...args));
  return adapter;
}

function readCatalogueTypes(adapter) {
  const charColumnsOf = new WeakMap();
  const performIO = adapter.performIO.bind(adapter);
  adapter.performIO = async (query) => {
    const result = await performIO(query);
    const fields = result.fields ?? [];
    charColumnsOf.set(
      query,
      fields.flatMap((field, index) => (field.dataTypeID === CHAR_TYPE ? [index] : [])),
    );
    for (const field of fields) field.dataTypeID = READABLE_TYPES[field.dataTypeID] ?? field.dataTypeID;
    return result;
  };
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const column of charColumnsOf.get(query) ?? [])
      result.columnTypes[column] = ColumnTypeEnum.Character;
    return result;
  };
}
