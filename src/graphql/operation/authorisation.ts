import { type DocumentNode, Kind, type SelectionSetNode } from 'graphql'
import { tokenRefused, unauthenticated } from '../../core/errors.ts'
import type { Caller } from './caller.ts'
import { fragmentsOf } from './fragments.ts'

/**
 * Judges a document by its root fields alone, before validation, whose messages would tell strangers about the rest. What
 * a field shows, and to whom, is for its resolver to say.
 * @throws RequestError `UNAUTHENTICATED`
 */
export function authorise(document: DocumentNode, { principal, tokenProblem }: Caller): void {
  if (tokenProblem !== null && !isOpenDocument(document, 'badToken')) throw tokenRefused(tokenProblem)
  if (principal.kind === 'anonymous' && !isOpenDocument(document, 'anonymous')) throw unauthenticated()
}

/** Operations that prove who one is: open to whoever has nothing to show yet, or no longer. */
const loginFields = ['register', 'login', 'refreshTokens']
/** What anyone may ask without being logged in. */
const anonymousFields = [...loginFields, 'viewer', '__schema', '__type']

const openTo = {
  anonymous: new Set([...anonymousFields, '__typename']),
  /**
   * A client that attaches its token to everything attaches an expired one to the very operation that
   * replaces it. What it asks besides has to tell it that the token is no good.
   */
  badToken: new Set(loginFields),
}

/** Whether every root field of the document is open to such a caller. */
function isOpenDocument(document: DocumentNode, caller: keyof typeof openTo): boolean {
  const openFields = openTo[caller]
  const fragments = fragmentsOf(document)
  const seen = new Set<string>()
  const isOpen = (selections: SelectionSetNode): boolean =>
    selections.selections.every((selection) => {
      if (selection.kind === Kind.FIELD) return openFields.has(selection.name.value)
      if (selection.kind === Kind.INLINE_FRAGMENT) return isOpen(selection.selectionSet)
      const name = selection.name.value
      const fragment = fragments[name]
      if (fragment === undefined || seen.has(name)) return true
      seen.add(name)
      return isOpen(fragment.selectionSet)
    })
  return document.definitions.every(
    (definition) => definition.kind !== Kind.OPERATION_DEFINITION || isOpen(definition.selectionSet),
  )
}
