import { unauthenticated } from '../../core/errors.ts'
import { toGlobalId } from '../../core/ids.ts'
import { builder } from '../../graphql/builder.ts'
import { type Context, viewerOf } from '../../graphql/context.ts'
import { globalId, Node, nodeLoader } from '../../graphql/node.ts'
import { pageCost } from '../../graphql/pages.ts'
import { publicUser } from '../users/access.ts'
import { User } from '../users/schema.ts'
import { findSessions, listSessions } from './session-actions.ts'
import type { Viewer } from './viewer.ts'

/** The viewer's own account; fields that ask at the same moment share one statement. */
async function ownAccount(context: Context, viewer: Viewer) {
  const account = await context.batch.load('viewer:account', viewer.userId, async (ids) => {
    const users = await context.store.prisma.user.findMany({
      where: { id: { in: [...ids] } },
      select: { ...publicUser, email: true, emailVerified: true },
    })
    return new Map(users.map((user) => [user.id, user]))
  })
  // Erased a moment ago, while this was on its way.
  if (account === undefined) throw unauthenticated()
  return account
}

const SessionType = builder.prismaObject('Session', {
  description: 'One login of the viewer on one device. Nobody else sees it.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: globalId('Session') }),
    deviceName: t.exposeString('deviceName', {
      nullable: true,
      description: 'What the client called the device when logging in, if it did.',
    }),
    userAgent: t.exposeString('userAgent', {
      nullable: true,
      description:
        'What the client called itself when logging in: its `User-Agent` header, 400 characters at most.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the login was.' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      description:
        'When tokens were given out for it last. A client that is in use refreshes them all the time.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'When it ends unless its tokens are refreshed before.',
    }),
    isCurrent: t.boolean({
      description: 'Whether it is the one that asks.',
      resolve: (session, _args, { principal }) =>
        principal.kind === 'user' && principal.sessionId === session.id,
    }),
  }),
})

const SessionConnection = builder.connectionObject(
  { type: SessionType, name: 'SessionConnection', description: 'A page of sessions.' },
  { name: 'SessionEdge', description: 'A session in a page.' },
)

nodeLoader('Session', (context, ids) => findSessions(context.store, viewerOf(context), ids))

export const ViewerType = builder.objectRef<Viewer>('Viewer').implement({
  description: 'The one who is asking, and all that is theirs alone.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({
      description: "An id of its own, for caches: not that of the viewer's `User`.",
      resolve: ({ userId }) => toGlobalId('Viewer', userId),
    }),
    user: t.field({
      type: User,
      description: 'The account as others see it.',
      resolve: (viewer, _args, context) => ownAccount(context, viewer),
    }),
    email: t.string({
      description: 'The email address of the account, as it was given. Nobody else sees it.',
      resolve: async (viewer, _args, context) => (await ownAccount(context, viewer)).email,
    }),
    isEmailVerified: t.boolean({
      description: 'Whether the email address was proved to be theirs.',
      resolve: async (viewer, _args, context) => (await ownAccount(context, viewer)).emailVerified,
    }),
    sessions: t.connection(
      {
        type: SessionType,
        complexity: pageCost(),
        description: 'Where the viewer is logged in, newest login first. Pages of 20 unless asked otherwise.',
        resolve: (viewer, args, context) => listSessions(context.store, viewer, args),
      },
      SessionConnection,
    ),
  }),
})

nodeLoader('Viewer', async (context, ids) => {
  const viewer = viewerOf(context)
  return new Map(ids.filter((id) => id === viewer.userId).map((id) => [id, { ...viewer }]))
})

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerType,
    nullable: true,
    // Anonymous callers may ask who they are.
    skipTypeScopes: true,
    description: 'The one who is asking; null without an access token.',
    resolve: (_root, _args, { principal }) => (principal.kind === 'user' ? principal : null),
  }),
)
