/** Builds the page into dist/ui: static files that the service serves from its own host. */

import { defineConfig } from 'vite';

export default defineConfig({
  // Relative, so that the page also works behind a proxy that serves it below a path.
  base: './',
  build: {
    outDir: '../../dist/ui',
    emptyOutDir: true,
    target: 'es2022',
    // No data: URLs, which a strict content security policy would have to allow.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
});
