// npm run build: dist/ from the sources. The other commands do it themselves when sources have changed.
import { supervise } from './bootstrap/supervisor.mjs';
import { prepareProgram } from './bootstrap/stack.mjs';

await supervise({ name: 'build' }, prepareProgram);
