import type { Config } from '../config.ts'
import { StartupError } from '../db/startup-error.ts'
import {
  findManifests,
  loadManifests,
  loadTexts,
  type TrustedDocuments,
  type TrustedTexts,
} from '../graphql/persisted/manifests.ts'
import { webAppManifests } from '../http/pages/web-app.ts'

type Where = Pick<Config, 'persistedOperations' | 'persistedOperationsDir' | 'webApp'>

/**
 * The documents of all manifests that a server of this configuration trusts.
 * @param options.extra manifests besides those of its folder and of the web app
 * @param options.known documents that are parsed already, by their texts
 * @throws StartupError with one line where a manifest is not good, or there must be one and is none
 */
export async function readTrustedDocuments(
  config: Where,
  options: { extra?: readonly string[] | undefined; known?: TrustedDocuments['parsed'] } = {},
): Promise<TrustedDocuments> {
  const none = { manifests: 0, texts: new Map(), parsed: new Map() }
  return read(config, none, (files) => loadManifests([...files, ...(options.extra ?? [])], options.known))
}

/** Their texts, for other processes. @param known what has been found to be good already @throws likewise */
export async function readTrustedTexts(config: Where, known: TrustedTexts): Promise<TrustedTexts> {
  return read(config, noTexts, (files) => loadTexts(files, known))
}

export const noTexts: TrustedTexts = { manifests: 0, texts: new Map() }

async function read<Documents extends TrustedTexts>(
  { persistedOperations: mode, persistedOperationsDir: folder, webApp }: Where,
  none: Documents,
  load: (files: readonly string[]) => Promise<Documents>,
): Promise<Documents> {
  if (mode === 'off') return none
  const found = folder === null ? [] : await findManifests(folder)
  const documents = await load([...found, ...(webApp ? webAppManifests() : [])])
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
