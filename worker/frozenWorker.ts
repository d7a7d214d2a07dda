/**
 * Options for a worker that goes on after it was frozen (SIGSTOP, a paused virtual machine). The SDK gives a piece of
 * workflow code five seconds by the clock on the wall, and then breaks it off, which Node does not always survive
 * (`async hook stack has become corrupted`). It takes this option, but does not list it among its public ones. An
 * endless loop in workflow code is broken off all the same, a minute later.
 */
export const SURVIVING_FREEZES = { isolateExecutionTimeout: '60s' } as const;
