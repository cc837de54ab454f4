import type { Config } from '../config.ts'
import { StartupError } from '../db/startup-error.ts'
import { findManifests, loadManifests, type TrustedDocuments } from '../graphql/persisted/manifests.ts'
import { webAppManifests } from '../http/pages/web-app.ts'

/**
 * The documents of all manifests that a server of this configuration trusts.
 * @param options.extra manifests besides those of its folder and of the web app
 * @param options.known documents that are parsed already, by their texts
 * @throws StartupError with one line where a manifest is not good, or there must be one and is none
 */
export async function readTrustedDocuments(
  config: Pick<Config, 'persistedOperations' | 'persistedOperationsDir' | 'webApp'>,
  options: { extra?: readonly string[] | undefined; known?: TrustedDocuments['parsed'] } = {},
): Promise<TrustedDocuments> {
  const { persistedOperations: mode, persistedOperationsDir: folder } = config
  if (mode === 'off') return { manifests: 0, texts: new Map(), parsed: new Map() }
  const found = folder === null ? [] : await findManifests(folder)
  const others = [...(options.extra ?? []), ...(config.webApp ? webAppManifests() : [])]
  const documents = await loadManifests([...found, ...others], options.known)
  // The web app's own manifest makes up for a folder that nobody has set, and not for one that is empty.
  const isMissing = folder !== null && found.length === 0
  if (mode === 'only' && (isMissing || documents.texts.size === 0)) {
    throw new StartupError(
      folder === null
        ? 'PERSISTED_OPERATIONS=only runs the operations of manifests: set PERSISTED_OPERATIONS_DIR to their folder'
        : `PERSISTED_OPERATIONS=only, and there is no operation in a manifest (*.json) in ${folder}`,
    )
  }
  return documents
}
