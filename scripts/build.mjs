// npm run build: builds dist/ from the sources. The other commands do so themselves when sources have
// changed.
import { supervise } from './bootstrap/supervisor.mjs';
import { prepareProgram } from './bootstrap/stack.mjs';

await supervise({ name: 'build' }, prepareProgram);
