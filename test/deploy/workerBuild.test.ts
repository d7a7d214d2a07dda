import { describe, expect, it } from '@jest/globals';
import { buildIdOf } from '../../worker/deployment';

const CODE = 'var a = 1;\nvar b = 2;';
const MAP = '\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,';

describe('the build id', () => {
  it('is valid in Temporal and independent of where the code was bundled', () => {
    expect(buildIdOf(CODE)).toMatch(/^[0-9a-f]{16}$/);
    expect(buildIdOf(`${CODE}${MAP}e30=`)).toBe(buildIdOf(`${CODE}${MAP}eyJhIjoxfQ==\n`));
    expect(buildIdOf(`${CODE}${MAP}e30=`)).toBe(buildIdOf(CODE));
  });

  it('changes with the code', () => {
    expect(buildIdOf(`${CODE} `)).not.toBe(buildIdOf(CODE));
  });
});
