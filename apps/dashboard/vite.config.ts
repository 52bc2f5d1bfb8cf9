import { convertCssVariables, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from '@mantine/core';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { theme } from './src/app/theme.js';

/** The theme's variables as a file, because the content security policy allows no style element at run time. */
function themeVariables(): Plugin {
  const id = '\0theme-variables.css';
  return {
    name: 'theme-variables',
    resolveId: (source) => (source === 'virtual:theme-variables.css' ? id : undefined),
    load: (asked) =>
      asked === id
        ? convertCssVariables(defaultCssVariablesResolver(mergeMantineTheme(DEFAULT_THEME, theme)), ':root')
        : undefined,
  };
}

/** Icons by their own files: the package's index names six thousand, and reading them all takes longer than the rest. */
function iconsByFile(): Plugin {
  const from = /import\s*\{([^}]*)\}\s*from\s*'@tabler\/icons-react';/g;
  return {
    name: 'icons-by-file',
    enforce: 'pre',
    transform(code, file) {
      if (!/\/dashboard\/src\/.*\.tsx?$/.test(file) || !code.includes('@tabler/icons-react')) return undefined;
      return code.replace(from, (_, names: string) =>
        names
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name.startsWith('Icon'))
          .map((name) => `import ${name} from '@tabler/icons-react/dist/esm/icons/${name}.mjs';`)
          .join(''),
      );
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the pages work under any path: <base href> says which.
  base: './',
  cacheDir: '../../node_modules/.cache/vite',
  plugins: [iconsByFile(), themeVariables(), react()],
  build: {
    outDir: '../../dist/dashboard',
    emptyOutDir: true,
    target: 'es2022',
    manifest: true,
    reportCompressedSize: false,
    // An image or font as data: URI would need an exception in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': { target: process.env['BASTIDE_API'] ?? 'http://127.0.0.1:8080', changeOrigin: true } } },
});
