import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SettingsError } from '../../settings';
import { readTemporalSettings } from '../../settings/temporal';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'temporal-settings-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function configFile(text: string): string {
  const path = join(dir, 'temporal.toml');
  writeFileSync(path, text);
  return path;
}

describe('the Temporal connection', () => {
  it('is set by environment variables', () => {
    const env = {
      TEMPORAL_CONFIG_FILE: join(dir, 'none.toml'),
      TEMPORAL_ADDRESS: 'temporal.example:7233',
      TEMPORAL_NAMESPACE: 'dispatch',
      TEMPORAL_API_KEY: 'hush-hush',
    };
    expect(readTemporalSettings(env)).toMatchObject({
      namespace: 'dispatch',
      connectionOptions: { address: 'temporal.example:7233', apiKey: 'hush-hush', tls: true },
    });
  });

  it('or by a profile of the configuration file, with namespace `default` if none is named', () => {
    const file = configFile('[profile.default]\naddress = "127.0.0.1:7233"\n');
    expect(readTemporalSettings({ TEMPORAL_CONFIG_FILE: file, TEMPORAL_ADDRESS: '' })).toMatchObject({
      namespace: 'default',
      connectionOptions: { address: '127.0.0.1:7233' },
    });
  });

  it('is required', () => {
    expect(() => readTemporalSettings({ TEMPORAL_CONFIG_FILE: join(dir, 'none.toml') })).toThrow(
      'TEMPORAL_ADDRESS is not set; allowed: host:port',
    );
  });

  it('is not read from a malformed file', () => {
    expect(() => readTemporalSettings({ TEMPORAL_CONFIG_FILE: configFile('[profile') })).toThrow(
      SettingsError,
    );
  });
});
