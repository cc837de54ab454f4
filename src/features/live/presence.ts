import type { Database } from '../../db/client.ts'
import type { Store } from '../../events/store.ts'
import type { Viewer } from '../auth/viewer.ts'
import { areApart } from '../blocks/access.ts'
import type { PublicUser } from '../users/access.ts'

/** Whether somebody is connected, as one viewer may know it. */
export interface Presence {
  readonly status: 'ONLINE' | 'OFFLINE'
  /** Null while they are online, if they never were, and for those who may not know. */
  readonly lastSeenAt: Date | null
}

/** Of somebody who is not to be seen. */
export const hidden: Presence = { status: 'OFFLINE', lastSeenAt: null }

/** A user as one viewer sees them. */
export interface Sight {
  readonly viewerId: string
  readonly visible: boolean
  readonly user: PublicUser & { readonly presence: Presence }
}

/**
 * Presence is for oneself and for whoever shares a chat, with no block between the two. The chats looked through are
 * those of the user: a viewer in thousands of chats who looks at a page of strangers would look through theirs for
 * each. (The `OFFSET 0` keeps the planner from turning that around.)
 */
const sightsStatement = {
  name: 'presence_sights',
  text: `SELECT k.viewer_id AS "viewerId", u.id, u.username, u.display_name AS "displayName", u.bio, u.kind,
      u.created_at AS "createdAt", s.visible,
      s.visible AND EXISTS (SELECT 1 FROM online_users o WHERE o.user_id = u.id) AS online,
      (SELECT at FROM last_seen l WHERE l.user_id = u.id) AS "lastSeenAt"
    FROM unnest($1::uuid[], $2::uuid[]) AS k(viewer_id, user_id) JOIN users u ON u.id = k.user_id
    CROSS JOIN LATERAL (SELECT u.active AND (u.id = k.viewer_id OR (
      NOT ${areApart('u.id', 'k.viewer_id')}
      AND EXISTS (SELECT 1 FROM chat_members theirs WHERE theirs.user_id = u.id AND EXISTS (
        SELECT 1 FROM chat_members mine JOIN chats c ON c.id = mine.chat_id AND c.deleted_at IS NULL
        WHERE mine.chat_id = theirs.chat_id AND mine.user_id = k.viewer_id OFFSET 0))
    )) AS visible OFFSET 0) s`,
}

interface SightRow extends PublicUser {
  readonly viewerId: string
  readonly visible: boolean
  readonly online: boolean
  readonly lastSeenAt: Date | null
}

/** How each viewer sees the user beside them; one statement. A user who does not exist is left out. */
export async function findSights(
  query: Database['query'],
  pairs: readonly { readonly viewerId: string; readonly userId: string }[],
): Promise<Sight[]> {
  const rows = await query<SightRow>(sightsStatement, [
    pairs.map(({ viewerId }) => viewerId),
    pairs.map(({ userId }) => userId),
  ])
  return rows.map(({ viewerId, visible, online, lastSeenAt, ...user }) => ({
    viewerId,
    visible,
    user: { ...user, presence: visible ? presenceOf(online, lastSeenAt) : hidden },
  }))
}

function presenceOf(online: boolean, lastSeenAt: Date | null): Presence {
  return online ? { status: 'ONLINE', lastSeenAt: null } : { status: 'OFFLINE', lastSeenAt }
}

/** The presence of these users as the viewer may know it, by id; one statement. */
export async function findPresences(
  store: Store,
  { userId: viewerId }: Viewer,
  userIds: readonly string[],
): Promise<Map<string, Presence>> {
  const sights = await findSights(
    store.query,
    userIds.map((userId) => ({ viewerId, userId })),
  )
  return new Map(sights.map(({ user }) => [user.id, user.presence]))
}
