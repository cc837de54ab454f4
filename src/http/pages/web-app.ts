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
 * @param folders the first that has a whole build counts
 * @param prefix such as `/app/`
 * @returns null where it was not built, or is being built just now
 */
export async function readWebApp(folders: readonly URL[], prefix: string): Promise<WebApp | null> {
  for (const folder of folders) {
    const assets = await readAssets(folder, prefix)
    const page = assets?.get(`${prefix}index.html`)
    if (assets && page && isWhole(page, assets, prefix)) return { page, assets }
  }
  return null
}

/** @returns null where there is none, or files come and go while they are read */
async function readAssets(folder: URL, prefix: string): Promise<Map<string, WebAppAsset> | null> {
  try {
    const assets = new Map<string, WebAppAsset>()
    for (const listed of await readdir(folder, { recursive: true })) {
      const name = listed.replaceAll('\\', '/')
      const type = types[extname(name)]
      if (type === undefined) continue
      const body = await readFile(new URL(name, folder))
      assets.set(prefix + name, { type, body, immutable: name.startsWith('assets/') })
    }
    return assets
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Whether each file that the page names is there, and has been written: a build begins with empty ones. */
function isWhole(page: Asset, assets: ReadonlyMap<string, Asset>, prefix: string): boolean {
  const named = [...page.body.toString().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
  return [page, ...named.filter((path) => path.startsWith(prefix)).map((path) => assets.get(path))].every(
    (asset) => asset !== undefined && asset.body.byteLength > 0,
  )
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
