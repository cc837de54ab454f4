import { ForbiddenError, NotFoundError, RequestError } from '../../core/errors.ts'
import { parseIdOf } from '../../core/ids.ts'
import type { Lifetime } from '../../core/mailbox.ts'
import { maxPageSize } from '../../core/pages.ts'
import { builder } from '../../graphql/builder.ts'
import { type Context, viewerOf } from '../../graphql/context.ts'
import type { OwnChat } from '../chats/access.ts'
import { Chat } from '../chats/schema.ts'
import { accessForSubscription } from '../realtime/schema.ts'
import type { PublicUser } from '../users/access.ts'
import { User } from '../users/schema.ts'
import { findPresences, hidden, type Presence } from './presence.ts'
import type { Seen } from './presence-watch.ts'
import { liveTimings } from './timings.ts'
import type { TypingChange } from './typing.ts'
import { setTyping } from './typing-actions.ts'

const seconds = (ms: number) => `${ms / 1000} s`

const PresenceStatus = builder.enumType('PresenceStatus', {
  description: 'Whether somebody is connected.',
  values: {
    ONLINE: { description: 'At least one connection of theirs is open, on any device.' },
    OFFLINE: {
      description: `None has been for ${seconds(liveTimings.graceMs)}, or the viewer may not know.`,
    },
  } as const,
})

const PresenceType = builder.objectRef<Presence>('Presence').implement({
  description:
    'Whether somebody is connected, as far as the viewer may know: of themselves, and of whoever shares a chat with them where neither has blocked the other. Everybody else is `OFFLINE` and was never seen.',
  fields: (t) => ({
    status: t.expose('status', { type: PresenceStatus, description: 'Connected or not.' }),
    lastSeenAt: t.expose('lastSeenAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When their last connection closed. Null while they are online, if they never were, and where the viewer may not know.',
    }),
  }),
})

/** A user whose presence came along, or any other. */
type PerhapsSeen = PublicUser & { readonly presence?: Presence }

builder.prismaObjectField(User, 'presence', (t) =>
  t.field({
    type: PresenceType,
    description: 'Whether they are connected now. `Subscription.presence` tells of changes.',
    resolve: async (user: PerhapsSeen, _args, context) => {
      if (user.presence !== undefined) return user.presence
      const viewer = viewerOf(context)
      const load = (ids: readonly string[]) => findPresences(context.store, viewer, ids)
      // Erased a moment ago, after the user was read.
      return (await context.batch.load('presence', user.id, load)) ?? hidden
    },
  }),
)

const PresenceChanged = builder.objectRef<Seen>('PresenceChanged').implement({
  description: 'Somebody is online or offline now. Not in the log, and without a cursor.',
  fields: (t) => ({
    user: t.field({ type: User, description: 'Who, with their new `presence`.', resolve: (user) => user }),
    presence: t.field({
      type: PresenceType,
      description: 'The same as `user.presence`.',
      resolve: ({ presence }) => presence,
    }),
  }),
})

const TypingChanged = builder.objectRef<TypingChange>('TypingChanged').implement({
  description: 'Somebody types, goes on typing, or has stopped. Not in the log, and without a cursor.',
  fields: (t) => ({
    chat: t.field({ type: Chat, description: 'Where.', resolve: ({ chat }) => chat }),
    user: t.field({ type: User, description: 'Who; never the viewer.', resolve: ({ user }) => user }),
    isTyping: t.boolean({
      description: 'Whether they type. Take it for false, too, when a message of theirs comes.',
      resolve: ({ expiresAt }) => expiresAt !== null,
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When they count as having stopped unless this event comes again; null when they have. The server tells of that end, too: drop it yourself where the connection is lost, or the viewer left the chat.',
    }),
  }),
})

const SetTypingPayload = builder
  .objectRef<{ chat: OwnChat; expiresAt: Date | null }>('SetTypingPayload')
  .implement({
    description: 'The others are told, within a second.',
    fields: (t) => ({
      chat: t.field({ type: Chat, description: 'Where.', resolve: ({ chat }) => chat }),
      isTyping: t.boolean({
        description: 'What was set.',
        resolve: ({ expiresAt }) => expiresAt !== null,
      }),
      expiresAt: t.expose('expiresAt', {
        type: 'DateTime',
        nullable: true,
        description: 'Call again before, for as long as the viewer types; null when they have stopped.',
      }),
    }),
  })

builder.mutationField('setTyping', (t) =>
  t.fieldWithInput({
    type: SetTypingPayload,
    description: `Tells the others in a chat that the viewer types, or has stopped. Call it with true every 3 s while they type: it expires by itself after ${seconds(liveTimings.typingExpiryMs)}. The others get one event a second at the most, with the last state; more calls do no harm. \`FORBIDDEN\` in a direct chat where either side has blocked the other; in groups the two do not see it of each other.`,
    typeOptions: { name: 'SetTypingInput', description: 'Where, and whether.' },
    errors: {
      types: [NotFoundError, ForbiddenError],
      union: { name: 'SetTypingResult', description: 'What was set, or why nothing was.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: 'The id of the chat.' }),
      isTyping: t.input.boolean({ required: true, description: 'Whether the viewer types now.' }),
    },
    resolve: (_root, { input }, context) =>
      setTyping(context.store, context.typing, viewerOf(context), input),
  }),
)

/** A WebSocket is closed when its session ends; any other stream has to end by itself. */
function lifetimeOf(context: Context): Lifetime {
  const viewer = viewerOf(context)
  return (fail) => (context.closesWithSession ? () => {} : context.feed.watchSession(viewer, fail))
}

builder.subscriptionFields((t) => ({
  typing: t.field({
    type: TypingChanged,
    description:
      'Who else types in a chat, or in any of them. Only for its members: whoever has left hears nothing more, and nobody hears of somebody with whom there is a block. It is not in the log: what happens while nobody listens is lost.',
    args: {
      chatId: t.arg.id({
        description: 'The id of the chat; `NOT_FOUND` otherwise. Null: every chat of the viewer.',
      }),
    },
    subscribe: async (_root, { chatId }, context) => {
      const id = chatId == null ? null : await accessForSubscription(context, chatId)
      return context.typing.follow(viewerOf(context).userId, id, lifetimeOf(context))
    },
    resolve: (change) => change,
  }),
  presence: t.field({
    type: PresenceChanged,
    description:
      'Whether these people are online: first the present state of each whom the viewer may know of, then what changes; of each one event a second at the most, with the last state. Of others nothing comes, until they share a chat with the viewer. Somebody who is not to be seen any more goes `OFFLINE`, and nothing more is told. It is not in the log: subscribing again gives the present state again.',
    args: {
      userIds: t.arg.idList({
        required: true,
        description: `Ids of users, 1 to ${maxPageSize}; \`VALIDATION_FAILED\` otherwise. Ids that are nobody's do no harm.`,
      }),
    },
    subscribe: (_root, { userIds }, context) => {
      if (userIds.length < 1 || userIds.length > maxPageSize) {
        throw new RequestError('VALIDATION_FAILED', `\`userIds\` must have 1 to ${maxPageSize} items.`)
      }
      const ids = userIds.flatMap((id) => parseIdOf('User', id) ?? [])
      return context.presence.follow(viewerOf(context).userId, ids, lifetimeOf(context))
    },
    resolve: (seen) => seen,
  }),
}))
