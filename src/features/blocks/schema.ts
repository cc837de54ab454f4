import { NotFoundError, ValidationError } from '../../core/errors.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { pageCost } from '../../graphql/pages.ts'
import { ViewerType } from '../auth/schema.ts'
import type { PublicUser } from '../users/access.ts'
import { User, UserConnection } from '../users/schema.ts'
import { findBlocked } from './access.ts'
import { blockUser, unblockUser } from './actions.ts'
import { listBlocked } from './lists.ts'

builder.prismaObjectField(User, 'viewerHasBlocked', (t) =>
  t.boolean({
    description:
      'Whether the viewer has blocked them. Hide their messages in groups by it. Whether they have blocked the viewer is told to nobody.',
    resolve: async (user, _args, context) => {
      const viewer = viewerOf(context)
      const load = (ids: readonly string[]) => findBlocked(context.store, viewer, ids)
      return (await context.batch.load('viewerHasBlocked', user.id, load)) ?? false
    },
  }),
)

builder.objectField(ViewerType, 'blockedUsers', (t) =>
  t.connection(
    {
      type: User,
      complexity: pageCost(),
      description:
        'Whom the viewer has blocked, the newest block first. Nobody else sees it. Pages of 20 unless asked otherwise.',
      resolve: (viewer, args, context) => listBlocked(context.store, viewer, args),
    },
    UserConnection,
  ),
)

/** Each mutation has a payload type of its own, so that it can grow fields without touching the other. */
const blockPayload = (name: string, description: string) =>
  builder.objectRef<{ user: PublicUser }>(name).implement({
    description,
    fields: (t) => ({
      user: t.field({ type: User, description: 'Who it is.', resolve: ({ user }) => user }),
    }),
  })

const BlockUserPayload = blockPayload('BlockUserPayload', 'Someone is blocked.')
const UnblockUserPayload = blockPayload('UnblockUserPayload', 'Someone is not blocked any more.')

builder.mutationFields((t) => ({
  blockUser: t.fieldWithInput({
    type: BlockUserPayload,
    description:
      "Keeps the viewer and someone else apart, in both directions: neither finds the other by searching, begins a direct chat or a group with them, or sends or edits a message in the direct chat that they have (`FORBIDDEN`, in the same words for both). They can still read that chat and take back what they wrote and how they reacted; neither sees how far the other reads. In groups they still see each other's messages: hide them by `viewerHasBlocked`. The other side is not told. The viewer's devices get `UserUpdated`. Blocking again changes nothing.",
    typeOptions: { name: 'BlockUserInput', description: 'Whom.' },
    errors: {
      types: [ValidationError, NotFoundError],
      union: { name: 'BlockUserResult', description: 'Who is blocked, or why nobody is.' },
    },
    input: { userId: t.input.id({ required: true, description: 'The id of the user; not oneself.' }) },
    resolve: async (_root, { input }, context) => ({
      user: await blockUser(context.store, viewerOf(context), input),
    }),
  }),
  unblockUser: t.fieldWithInput({
    type: UnblockUserPayload,
    description:
      "Takes a block back. If the other side has blocked the viewer, too, that block stands, and the two stay apart. The viewer's devices get `UserUpdated`. Without a block nothing changes.",
    typeOptions: { name: 'UnblockUserInput', description: 'Whom.' },
    errors: {
      types: [ValidationError, NotFoundError],
      union: { name: 'UnblockUserResult', description: 'Who is not blocked any more, or why nobody is.' },
    },
    input: { userId: t.input.id({ required: true, description: 'The id of the user; not oneself.' }) },
    resolve: async (_root, { input }, context) => ({
      user: await unblockUser(context.store, viewerOf(context), input),
    }),
  }),
}))
