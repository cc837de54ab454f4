// Builds the web app for Parley to serve at /app. Where it cannot be built (no sources, as in an image of the server, or no
// Vite, as in an installation of what runs) there is none, and nothing fails.
import { cpSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../examples/web', import.meta.url))

function isInstalled(name) {
  try {
    return createRequire(`${root}/package.json`).resolve(name) !== ''
  } catch {
    return false
  }
}

if (existsSync(`${root}/index.html`) && isInstalled('vite') && isInstalled('@vitejs/plugin-react')) {
  // Whoever builds may be testing; what is built is for people.
  process.env.NODE_ENV = 'production'
  const { build } = await import('vite')
  await build({ root, logLevel: 'warn' })
  // For the server, which knows the operations of the build by it.
  cpSync(`${root}/persisted-documents.json`, `${root}/dist/persisted-documents.json`)
}
