import { decodeBounds, encodeCursor } from '../../core/cursor.ts'
import { type Connection, type PageArgs, parsePageArgs, toConnection } from '../../core/pages.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { PublicUser } from '../users/access.ts'

// Ids ascend in time.
const blockedPage = (order: 'ASC' | 'DESC') => `SELECT b.id AS "blockId", u.id, u.username,
    u.display_name AS "displayName", u.bio, u.kind, u.created_at AS "createdAt"
  FROM blocks b JOIN users u ON u.id = b.blocked_id
  WHERE b.blocker_id = $1 AND ($2::uuid IS NULL OR b.id < $2) AND ($3::uuid IS NULL OR b.id > $3)
  ORDER BY b.id ${order} LIMIT $4`
const blockedForward = { name: 'blocked_users_forward', text: blockedPage('DESC') }
const blockedBackward = { name: 'blocked_users_backward', text: blockedPage('ASC') }

/** Whom the viewer has blocked, the newest block first; one statement. */
export async function listBlocked(
  store: Store,
  viewer: Viewer,
  args: PageArgs,
): Promise<Connection<PublicUser>> {
  const page = parsePageArgs(args)
  const { after, before } = decodeBounds('b', page, ['uuid'])
  const rows = await store.query<PublicUser & { blockId: string }>(
    page.backward ? blockedBackward : blockedForward,
    [viewer.userId, after?.[0] ?? null, before?.[0] ?? null, page.limit + 1],
  )
  return toConnection(rows, page, ({ blockId, ...node }) => ({ cursor: encodeCursor('b', blockId), node }))
}
