import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { RequestError } from '../../core/errors.ts'
import {
  type Connection,
  type PageArgs,
  type PageRequest,
  parsePageArgs,
  toConnection,
} from '../../core/pages.ts'
import { codePointLength, hasForbiddenCharacter } from '../../core/parse.ts'
import type { UserKind } from '../../db/generated/prisma/client.ts'
import type { Store } from '../../events/store.ts'
import type { PublicUser } from './access.ts'
import { searchKey } from './search-key.ts'

const longestSearch = 120

/** Looking addresses up one after the other tells which of them have accounts. */
export const emailSearchLimit = { name: 'search/email', burst: 30, intervalMs: 60_000 } as const

/** Whether a search is for an email address, which matches exactly or not at all. */
export function isEmailSearch(search: string): boolean {
  return /^.+@.+$/.test(search.trim())
}

/**
 * Neither has blocked the other: a look into an index for each match. `OFFSET 0` keeps the planner from comparing
 * every match with everyone whom the viewer has blocked instead.
 */
const notApart = (viewer: string) => `
      NOT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ${viewer} AND blocked_id = u.id OFFSET 0)
      AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = u.id AND blocked_id = ${viewer} OFFSET 0)`

/**
 * A match's worth, as one whole number, so that it can stand in a cursor: 4000 for the exact username,
 * 3000 for a prefix of it, 2000 for a prefix of the display name or of a word in it, and to each up to
 * 1000 for similarity (trigrams). The operators use the indexes; similarity's threshold is pg_trgm's 0.3.
 */
const matches = `SELECT u.id, u.username, u.display_name, u.bio, u.kind, u.created_at,
      CASE WHEN u.username_key = $1 THEN 4000
           WHEN u.username_key LIKE $3 THEN 3000
           WHEN u.display_name_key LIKE $4 OR u.display_name_key LIKE $5 THEN 2000
           ELSE 0 END
        + (1000 * greatest(similarity(u.username_key, $1), similarity(u.display_name_key, $2)))::int AS score
    FROM users u
    WHERE u.active AND (u.username_key LIKE $3 OR u.display_name_key LIKE $4 OR u.display_name_key LIKE $5
        OR u.username_key % $1 OR u.display_name_key % $2)
      AND ${notApart('$11')}`

const page = (order: 'ASC' | 'DESC') => {
  const [scoreOrder, idOrder] = order === 'ASC' ? ['DESC', 'ASC'] : ['ASC', 'DESC']
  return `SELECT * FROM (${matches}) m
    WHERE ($6::int IS NULL OR m.score < $6 OR (m.score = $6 AND m.id > $7::uuid))
      AND ($8::int IS NULL OR m.score > $8 OR (m.score = $8 AND m.id < $9::uuid))
    ORDER BY m.score ${scoreOrder}, m.id ${idOrder} LIMIT $10`
}
const forwardStatement = { name: 'users_search_forward', text: page('ASC') }
const backwardStatement = { name: 'users_search_backward', text: page('DESC') }

interface MatchRow {
  readonly id: string
  readonly username: string
  readonly display_name: string
  readonly bio: string | null
  readonly kind: UserKind
  readonly created_at: Date
  readonly score: number
}

/**
 * People by what a person would type. Anything with an `@` between other characters is an email and
 * matches exactly or not at all; everything else matches username and display name, best first. Whoever
 * has blocked the viewer, or is blocked by them, is not found; nor is a disabled account.
 * @throws RequestError `VALIDATION_FAILED` for a search that is empty or too long, or page arguments
 */
export async function searchUsers(
  store: Store,
  viewerId: string,
  search: string,
  args: PageArgs,
): Promise<Connection<PublicUser>> {
  const request = parsePageArgs(args)
  const text = search.trim()
  if (text === '' || codePointLength(text) > longestSearch || hasForbiddenCharacter(text)) {
    throw new RequestError('VALIDATION_FAILED', `\`search\` must have 1 to ${longestSearch} characters.`)
  }
  const { after, before } = decodeBounds('u', request, ['int', 'uuid'])
  const rows = isEmailSearch(text)
    ? // One at most, so that there is nothing beyond a cursor.
      after || before
      ? []
      : await findByEmail(store, viewerId, text)
    : await findByName(store, viewerId, text, request, [after, before])
  return toConnection(rows, request, (row) => ({
    cursor: encodeCursor('u', row.score, row.id),
    node: {
      id: row.id,
      username: row.username,
      displayName: row.display_name,
      bio: row.bio,
      kind: row.kind,
      createdAt: row.created_at,
    },
  }))
}

type Position = readonly [score: number, id: string] | null | undefined

async function findByName(
  store: Store,
  viewerId: string,
  text: string,
  { backward, limit }: PageRequest,
  [after, before]: readonly Position[],
): Promise<MatchRow[]> {
  const username = text.replace(/^@/, '').toLowerCase()
  const name = searchKey(text)
  // An @ alone, a mark without its letter: nothing is left, and the prefix of nothing would be everyone.
  if (username === '' || name === '') return []
  const [usernamePattern, pattern] = [username, name].map((key) => `${key.replace(/[\\%_]/g, '\\$&')}%`)
  return store.query<MatchRow>(backward ? backwardStatement : forwardStatement, [
    username,
    name,
    usernamePattern,
    pattern,
    `% ${pattern}`,
    ...(after ?? [null, null]),
    ...(before ?? [null, null]),
    limit + 1,
    viewerId,
  ])
}

const emailStatement = {
  name: 'users_find_by_email',
  text: `SELECT u.id, u.username, u.display_name, u.bio, u.kind, u.created_at, 5000 AS score FROM users u
    WHERE u.email_key = $1 AND u.active AND ${notApart('$2')}`,
}

function findByEmail(store: Store, viewerId: string, email: string): Promise<MatchRow[]> {
  return store.query<MatchRow>(emailStatement, [email.toLowerCase(), viewerId])
}
