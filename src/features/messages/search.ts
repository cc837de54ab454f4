import { setImmediate } from 'node:timers/promises'
import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { RequestError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import { type Connection, type Edge, parsePageArgs, toConnection } from '../../core/pages.ts'
import { codePointLength, hasForbiddenCharacter } from '../../core/parse.ts'
import type { Statement } from '../../db/client.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { type MessageView, type MessageViewRow, messageViewColumns, toMessageView } from './access.ts'
import { acrossChats, highestUuid, lowestUuid, visibleChats } from './across-chats.ts'
import { findRanges, parseSearchQuery, type SearchQuery, type TextRange } from './search-query.ts'

export const longestQuery = 200

/** Of the viewer's newest messages so many are looked at first: words that are everywhere fill a page from these. */
const newest = 200
/** Up to this many chats are asked one by one, for their newest messages and in the index. */
export const fewChats = 1000
/** Whoever is in more has their newest messages among these of the whole server. */
const nearby = 2000

/**
 * Two ways to a page, each for those whom it suits: a few chats are asked one by one, many all at once. In both the
 * newest messages come first, and the index is asked only where they have not filled the page. What is deleted, and
 * what the server says, has no words. Values: the viewer, the bounds, the page's size, the words, then the author
 * and the chat, if given.
 */
function searchPage({ byAuthor, inChat }: { byAuthor: boolean; inChat: boolean }): Statement {
  const author = byAuthor ? '$6' : undefined
  const within = `m.id > $2 AND m.id < $3${byAuthor ? ' AND m.author_id = $6' : ''}`
  const inFew = inChat ? 'true' : '(SELECT few FROM width)'
  const unfilled = (near: string) => `(SELECT count(*) FROM ${near}) < $4`
  const ofViewer = `JOIN chat_members v ON v.chat_id = m.chat_id AND v.user_id = $1 AND m.sequence > v.hidden_through
      JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL`
  const few = `mine AS MATERIALIZED (${visibleChats}${inChat ? ` AND v.chat_id = ${byAuthor ? '$7' : '$6'}` : ''}),
    few_near AS MATERIALIZED (
      SELECT m.id FROM (${acrossChats('mine', 'DESC', String(newest), author)}) k JOIN messages m ON m.id = k.id
      WHERE m.search @@ $5::tsquery AND ${inFew} ORDER BY m.id DESC LIMIT $4
    ), few_all AS MATERIALIZED (
      SELECT m.id FROM mine CROSS JOIN LATERAL (
        SELECT * FROM messages WHERE search @@ (('#' || mine.chat_id)::tsquery && $5::tsquery) OFFSET 0
      ) m WHERE m.sequence > mine.hidden_through AND ${within} AND ${inFew} AND ${unfilled('few_near')}
      ORDER BY m.id DESC LIMIT $4
    )`
  const many = `width AS MATERIALIZED (
      SELECT count(*) <= ${fewChats} AS few FROM (
        SELECT FROM chat_members WHERE user_id = $1 LIMIT ${fewChats + 1}
      ) memberships
    ), many_near AS MATERIALIZED (
      SELECT m.id FROM (SELECT * FROM messages m WHERE ${within} ORDER BY id DESC LIMIT ${nearby}) m ${ofViewer}
      WHERE m.search @@ $5::tsquery AND NOT ${inFew} ORDER BY m.id DESC LIMIT $4
    ), many_all AS MATERIALIZED (
      SELECT m.id FROM (SELECT * FROM messages WHERE search @@ $5::tsquery OFFSET 0) m ${ofViewer}
      WHERE ${within} AND NOT ${inFew} AND ${unfilled('many_near')} ORDER BY m.id DESC LIMIT $4
    )`
  const parts = inChat ? ['few_near', 'few_all'] : ['few_near', 'few_all', 'many_near', 'many_all']
  return {
    text: `WITH ${inChat ? few : `${many}, ${few}`}
    SELECT ${messageViewColumns} FROM (${parts.map((part) => `SELECT id FROM ${part}`).join(' UNION ')}) page
    JOIN messages m ON m.id = page.id LEFT JOIN users u ON u.id = m.author_id
    ORDER BY m.id DESC`,
  }
}

interface SearchEdge extends Edge<MessageView> {
  /** Where what was looked for stands in the text. */
  readonly findHighlights: () => Promise<TextRange[]>
}

interface SearchArgs {
  readonly query: string
  /** Global ids. */
  readonly chatId?: string | null | undefined
  readonly authorId?: string | null | undefined
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
}

/**
 * Messages that the viewer may see by their words, newest first; one statement. A chat or an author that is not
 * there, or not for the viewer, has none.
 * @throws RequestError `VALIDATION_FAILED` for a query that is too long or has nothing to look for, or page arguments
 */
export async function searchMessages(
  store: Store,
  viewer: Viewer,
  { query, chatId, authorId, ...args }: SearchArgs,
): Promise<Connection<MessageView>> {
  const page = parsePageArgs(args)
  const { after } = decodeBounds('ms', page, ['uuid'])
  const search = understand(query)
  const filters = [
    ...(authorId == null ? [] : [parseIdOf('User', authorId)]),
    ...(chatId == null ? [] : [parseIdOf('Chat', chatId)]),
  ]
  const rows = filters.includes(null)
    ? []
    : await store.query<MessageViewRow>(searchPage({ byAuthor: authorId != null, inChat: chatId != null }), [
        viewer.userId,
        lowestUuid,
        after?.[0] ?? highestUuid,
        page.limit + 1,
        search.condition,
        ...filters,
      ])
  const highlights = highlightsOf(rows, search)
  return toConnection(
    rows,
    page,
    (row): SearchEdge => ({
      cursor: encodeCursor('ms', row.id),
      node: toMessageView(row),
      findHighlights: async () => (await highlights()).get(row.id) ?? [],
    }),
  )
}

/** So long may others have to wait for this. */
const turnMs = 10

/** The ranges in each of these texts, once somebody asks: a hundred long ones take a while, so others have their turns. */
function highlightsOf(
  rows: readonly MessageViewRow[],
  search: SearchQuery,
): () => Promise<Map<string, TextRange[]>> {
  let all: Promise<Map<string, TextRange[]>> | null = null
  async function find(): Promise<Map<string, TextRange[]>> {
    const found = new Map<string, TextRange[]>()
    let since = performance.now()
    for (const { id, text } of rows) {
      found.set(id, findRanges(text ?? '', search.phrases))
      if (performance.now() - since < turnMs) continue
      await setImmediate()
      since = performance.now()
    }
    return found
  }
  return () => {
    all ??= find()
    return all
  }
}

function understand(query: string): SearchQuery {
  const refuse = (message: string) => new RequestError('VALIDATION_FAILED', message)
  if (codePointLength(query) > longestQuery) {
    throw refuse(`\`query\` must have at most ${longestQuery} characters.`)
  }
  if (hasForbiddenCharacter(query)) throw refuse('`query` must not contain control characters.')
  const search = parseSearchQuery(query)
  if (search !== null) return search
  throw refuse(
    '`query` must have a word to look for, on each side of `or`: words that are excluded are not enough.',
  )
}

/** Where what was looked for stands in the text; nowhere in an edge of another list. */
export async function findHighlights(edge: Edge<MessageView> | SearchEdge): Promise<TextRange[]> {
  return 'findHighlights' in edge ? edge.findHighlights() : []
}
