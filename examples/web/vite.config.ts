import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Where Parley runs beside Vite's own server. */
const parley = process.env['PARLEY_URL'] ?? 'http://127.0.0.1:4000'

export default defineConfig({
  // Where Parley serves it.
  base: '/app/',
  plugins: [react()],
  server: { proxy: { '/graphql': { target: parley, ws: true } } },
  // Only files of our own: the content security policy allows neither inline scripts nor data.
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
})
