import { svelte } from '@sveltejs/vite-plugin-svelte';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const TEXT = /\.(js|css|html|svg)$/;

/** Writes a `.gz` beside every text file: the server sends it as it is. */
function compressed(): Plugin {
  let folder = '';
  return {
    name: 'compressed',
    apply: 'build',
    configResolved: (config) => {
      folder = config.build.outDir;
    },
    closeBundle: async () => {
      const entries = await readdir(folder, { recursive: true });
      for (const entry of entries.filter((name) => TEXT.test(name))) {
        const path = join(folder, entry);
        await writeFile(`${path}.gz`, await promisify(gzip)(await readFile(path), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), compressed()],
  cacheDir: '../../node_modules/.vite/dashboard',
  resolve: { conditions: ['source', 'browser', 'import', 'default'] },
  ssr: { resolve: { conditions: ['source', 'import', 'default'], externalConditions: ['source', 'import', 'default'] }, noExternal: ['@gauntlet/client'] },
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    // What nearly every page is made of comes in one file instead of twenty small ones.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'base', test: /\/src\/(ui|lib)\// }] } } },
  },
  server: {
    proxy: {
      '^/(gauntlet\\.v1\\.|grpc\\.)': process.env['GAUNTLET_SERVER'] ?? 'http://127.0.0.1:8090',
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
