import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Asset } from './graphiql.ts'

/** The web app as it was built: its page, and its files by path. */
export interface WebApp {
  readonly page: Asset
  readonly assets: ReadonlyMap<string, WebAppAsset>
}

export interface WebAppAsset extends Asset {
  /** Whether its name changes with its content. */
  readonly immutable: boolean
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
}

/**
 * Reads all of it into memory, a few hundred kilobytes: what is not listed here is not there, whatever a path says.
 * @param folders the first that has a page counts
 * @param prefix such as `/app/`
 * @returns null where it was not built
 */
export async function readWebApp(folders: readonly URL[], prefix: string): Promise<WebApp | null> {
  for (const folder of folders) {
    const names = await readdir(folder, { recursive: true }).catch((): string[] => [])
    if (!names.includes('index.html')) continue
    const assets = new Map<string, WebAppAsset>()
    for (const name of names.map((each) => each.replaceAll('\\', '/'))) {
      const type = types[extname(name)]
      if (type === undefined) continue
      const body = await readFile(new URL(name, folder))
      assets.set(prefix + name, { type, body, immutable: name.startsWith('assets/') })
    }
    const page = assets.get(`${prefix}index.html`)
    if (page !== undefined) return { page, assets }
  }
  return null
}

/** Where the build is: beside a compiled server, or in the folder of the sources. */
export const webAppFolders: readonly URL[] = [
  new URL('../../web/', import.meta.url),
  new URL('../../../examples/web/dist/', import.meta.url),
]

/** The manifest of the operations of the build, to be trusted where the app is served: its path, or none. */
export function webAppManifests(): string[] {
  const folder = webAppFolders.find((each) => existsSync(new URL('index.html', each)))
  const manifest = folder && fileURLToPath(new URL('persisted-documents.json', folder))
  return manifest !== undefined && existsSync(manifest) ? [manifest] : []
}

/** Its own files, its own server, and nothing else; React sets styles by script, which needs no leave. */
export const webAppPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

export const webAppMissing =
  'The web app has not been built: run `npm run build -w parley-web` where the sources are.\n'
