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
 * SQL that goes through the chats of one user for one that the other is in, too. (The `OFFSET 0` keeps the planner
 * from turning that around.)
 */
const shareChat = (
  one: string,
  other: string,
) => `EXISTS (SELECT 1 FROM chat_members a WHERE a.user_id = ${one}
  AND EXISTS (SELECT 1 FROM chat_members b JOIN chats c ON c.id = b.chat_id AND c.deleted_at IS NULL
    WHERE b.chat_id = a.chat_id AND b.user_id = ${other} OFFSET 0))`

/** Whoever is in more chats than these is looked for in the chats of the other. */
const fewChats = 100

/**
 * Presence is for oneself and for whoever shares a chat, with no block between the two. Somebody in thousands of
 * chats, who looks at a page of strangers or whom a crowd looks at, must not have theirs gone through for each.
 */
const sightsStatement = {
  name: 'presence_sights',
  text: `WITH busy AS MATERIALIZED (
      SELECT user_id FROM (SELECT DISTINCT user_id FROM unnest($2::uuid[]) AS given(user_id)) looked_at
      WHERE (SELECT count(*) FROM (
        SELECT FROM chat_members m WHERE m.user_id = looked_at.user_id LIMIT ${fewChats} + 1) first_few) > ${fewChats}
    )
    SELECT k.viewer_id AS "viewerId", u.id, u.username, u.display_name AS "displayName", u.bio, u.kind,
      u.created_at AS "createdAt", s.visible,
      s.visible AND EXISTS (SELECT 1 FROM online_users o WHERE o.user_id = u.id) AS online,
      (SELECT at FROM last_seen l WHERE l.user_id = u.id) AS "lastSeenAt"
    FROM unnest($1::uuid[], $2::uuid[]) AS k(viewer_id, user_id) JOIN users u ON u.id = k.user_id
    CROSS JOIN LATERAL (SELECT u.active AND (u.id = k.viewer_id OR (
      NOT ${areApart('u.id', 'k.viewer_id')}
      AND CASE WHEN u.id IN (SELECT user_id FROM busy)
        THEN ${shareChat('k.viewer_id', 'u.id')} ELSE ${shareChat('u.id', 'k.viewer_id')} END
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
