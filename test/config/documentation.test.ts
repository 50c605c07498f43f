import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { variables } from '../../src/config/variables.ts';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

it('.env.example lists every variable with its description and default, and no other', () => {
  const blocks = read('.env.example').split('\n\n').slice(1);
  const expected = Object.entries(variables).map(([name, { description, secret, default: value }]) => {
    const comment = `${secret ? '(secret) ' : ''}${description}${value === '' ? '' : ` [${value}]`}`;
    return `# ${comment}\n# ${name}=`;
  });
  expect(blocks.map((block) => block.trim())).toEqual(expected);
});

it('docs/configuration.md lists every variable with its default, and no other', () => {
  const section = read('docs/configuration.md').split('## Environment variables')[1]?.split('\n- ')[0] ?? '';
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const expected = Object.entries(variables).map(([name, variable]) => [
    `\`${name}\``,
    variable.default,
    variable.secret ? 'yes' : '',
    variable.description,
  ]);
  expect(rows).toEqual(expected);
});
