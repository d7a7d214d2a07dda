import { describe, expect, it } from '@jest/globals';
import { buildIdOf } from '../../worker/deployment';

const CODE = 'var a = 1;\nvar b = 2;';
const MAP = '\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,';

describe('the id of a build', () => {
  it('is one that Temporal takes, and the same for the same code wherever it was bundled', () => {
    expect(buildIdOf(CODE)).toMatch(/^[0-9a-f]{16}$/);
    expect(buildIdOf(`${CODE}${MAP}e30=`)).toBe(buildIdOf(`${CODE}${MAP}eyJhIjoxfQ==\n`));
    expect(buildIdOf(`${CODE}${MAP}e30=`)).toBe(buildIdOf(CODE));
  });

  it('is another one for other code', () => {
    expect(buildIdOf(`${CODE} `)).not.toBe(buildIdOf(CODE));
  });
});
