import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = 'apps/dashboard/src';
const STYLES = 'node_modules/@mantine/core/styles';

it('every component that a page uses brings its styles', () => {
  const code = (readdirSync(SOURCES, { recursive: true }) as string[])
    .filter((file) => file.endsWith('.tsx'))
    .map((file) => readFileSync(join(SOURCES, file), 'utf8'))
    .join('\n');
  const used = [...code.matchAll(/import \{([^}]*)\} from '@mantine\/core'/g)].flatMap(([, names]) =>
    (names ?? '').split(',').map((name) => name.trim().replace(/^type /, '')),
  );
  const styled = [...new Set(used)].filter((name) => existsSync(join(STYLES, `${name}.css`)));
  expect(styled.length).toBeGreaterThan(20);
  const brought = readFileSync(join(SOURCES, 'app/styles.ts'), 'utf8');
  expect(styled.filter((name) => !brought.includes(`/${name}.css'`))).toEqual([]);
});
