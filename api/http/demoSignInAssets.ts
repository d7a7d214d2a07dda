import { DOCS_OPTIONS } from './docsOptions';

/** Runs in the browser. Names come from the database, so they are only set as text. */
export const DEMO_SCRIPT = `'use strict';
const GROUPS = [['ops', 'Ops'], ['merchant', 'Merchants'], ['driver', 'Drivers']];
const panel = document.getElementById('demo-sign-in');
const status = document.createElement('p');
status.setAttribute('role', 'status');

const ui = SwaggerUIBundle({ ...${JSON.stringify(DOCS_OPTIONS)}, tryItOutEnabled: true, onComplete: showPeople });

async function showPeople() {
  const people = await (await fetch('/docs/demo/people')).json();
  const heading = document.createElement('h2');
  heading.textContent = 'Sign in as a person of the demo';
  showStatus('Then open a request below and press Execute.');
  panel.replaceChildren(heading, ...GROUPS.map((group) => groupOf(group, people)), status);
  panel.hidden = false;
}

function groupOf([role, title], people) {
  const group = document.createElement('div');
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', title);
  const label = document.createElement('span');
  label.textContent = title;
  const buttons = document.createElement('div');
  buttons.append(...people.filter((person) => person.role === role).map(buttonOf));
  group.append(label, buttons);
  return group;
}

function buttonOf(person) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = person.name;
  button.setAttribute('aria-pressed', 'false');
  button.addEventListener('click', () => signIn(person, button));
  return button;
}

async function signIn(person, button) {
  const response = await fetch('/docs/demo/sign-in', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ role: person.role, id: person.id }),
  });
  if (!response.ok) return showStatus('Sign-in failed: ' + (await response.json()).detail);
  ui.preauthorizeApiKey('bearer', (await response.json()).token);
  for (const each of panel.querySelectorAll('button')) each.setAttribute('aria-pressed', String(each === button));
  const id = document.createElement('code');
  id.textContent = person.id;
  showStatus('Signed in as ' + person.name + ', ' + person.role + ' ', id, '. Open a request below and press Execute.');
}

function showStatus(...words) {
  status.replaceChildren(...words);
}
`;

export const DEMO_STYLE = `#demo-sign-in {
  box-sizing: border-box;
  max-width: 1460px;
  margin: 0 auto;
  padding: 16px 20px 0;
  font-family: sans-serif;
  color: #3b4151;
}
#demo-sign-in h2 { margin: 0 0 8px; font-size: 18px; }
#demo-sign-in [role='group'] { display: grid; grid-template-columns: 84px 1fr; margin: 8px 0; }
#demo-sign-in [role='group'] span { font-size: 14px; font-weight: 600; line-height: 36px; }
#demo-sign-in [role='group'] div { display: flex; flex-wrap: wrap; gap: 8px; }
#demo-sign-in button {
  min-height: 36px;
  padding: 6px 12px;
  border: 1px solid #8c93a3;
  border-radius: 4px;
  background: #fff;
  color: inherit;
  font: inherit;
  font-size: 14px;
  cursor: pointer;
}
#demo-sign-in button:hover { border-color: #1f6f54; }
#demo-sign-in button:focus-visible { outline: 3px solid #4990e2; outline-offset: 1px; }
#demo-sign-in button[aria-pressed='true'] { border-color: #1f6f54; background: #1f6f54; color: #fff; }
#demo-sign-in p { min-height: 20px; margin: 12px 0 0; font-size: 14px; line-height: 20px; overflow-wrap: anywhere; }
@media (max-width: 640px) {
  #demo-sign-in [role='group'] { grid-template-columns: 1fr; }
}
`;
