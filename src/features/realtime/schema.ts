import { NotFoundError, RequestError } from '../../core/errors.ts'
import { maxPageSize } from '../../core/pages.ts'
import { builder } from '../../graphql/builder.ts'
import { type Context, viewerOf } from '../../graphql/context.ts'
import { ViewerType } from '../auth/schema.ts'
import { accessChat } from '../chats/access.ts'
import { type ClientEventKind, clientEventKinds, type Delivery } from './delivery.ts'
import { Event, MessageAdded, MessageDeleted, MessageEdited, type Of } from './event-schema.ts'

interface EventPage {
  readonly deliveries: readonly Delivery[]
  readonly position: number
  readonly more: boolean
}

const EventEdge = builder.objectRef<Delivery>('EventEdge').implement({
  description: 'An event in a page.',
  fields: (t) => ({
    cursor: t.string({
      description: "The event's own cursor.",
      resolve: (event, _args, { feed }) => feed.cursors.encode(event.position),
    }),
    node: t.field({ type: Event, description: 'The event.', resolve: (event) => event }),
  }),
})

const EventConnection = builder.objectRef<EventPage>('EventConnection').implement({
  description: 'A page of the log, for clients that poll.',
  fields: (t) => ({
    edges: t.field({
      type: [EventEdge],
      description: 'The events, oldest first.',
      resolve: ({ deliveries }) => [...deliveries],
    }),
    pageInfo: t.field({
      type: builder.pageInfoRef(),
      description:
        'Go on from `endCursor`, which is given for an empty page, too: the next poll starts there.',
      resolve: ({ deliveries, position, more }, _args, { feed }) => {
        const first = deliveries[0]?.position ?? position
        return {
          hasNextPage: more,
          hasPreviousPage: true,
          startCursor: feed.cursors.encode(first),
          endCursor: feed.cursors.encode(position),
        }
      },
    }),
  }),
})

const allKinds: ReadonlySet<ClientEventKind> = new Set(clientEventKinds)

builder.objectFields(ViewerType, (t) => ({
  eventCursor: t.string({
    description:
      'Where the log stands now. Ask for it together with the state that you show, then subscribe (or poll) after it: what happens in between is not missed.',
    resolve: (_viewer, _args, { logCursor }) => logCursor,
  }),
  events: t.field({
    type: EventConnection,
    complexity: ({ first }) => ({ field: 1, multiplier: Math.min(Math.max(first ?? 20, 1), maxPageSize) }),
    description:
      'Everything that concerns the viewer behind a cursor, oldest first: the same log as `Subscription.events`, for clients that poll. Gives `CURSOR_EXPIRED` when the log does not reach back to the cursor.',
    args: {
      after: t.arg.string({ required: true, description: 'From `eventCursor`, an event, or the last page.' }),
      first: t.arg.int({ description: 'At most this many, 1 to 100; 20 by default.' }),
    },
    resolve: (viewer, { after, first }, { feed }) => {
      const limit = first ?? 20
      if (limit < 1 || limit > maxPageSize) {
        throw new RequestError('VALIDATION_FAILED', `\`first\` must be between 1 and ${maxPageSize}.`)
      }
      return feed.read({ userId: viewer.userId, kinds: allKinds, after, limit })
    },
  }),
}))

const chatIdDescription =
  'Only this chat: the subscription completes when the viewer is in it no more. Null: every chat of the viewer, new ones included.'
const afterDescription =
  'Resume behind this cursor: what was missed comes first, then what is live, each once and in order. Null: from now on. A cursor that the log does not reach back to gives `CURSOR_EXPIRED`.'

async function followKind<Kind extends ClientEventKind>(
  context: Context,
  kind: Kind,
  args: { chatId?: string | null | undefined; after?: string | null | undefined },
): Promise<AsyncIterable<Of<Kind>>> {
  const chat = args.chatId == null ? null : await accessForSubscription(context, args.chatId)
  const events = await context.feed.follow({
    viewer: viewerOf(context),
    endsWithSession: !context.closesWithSession,
    chatId: chat,
    kinds: new Set([kind]),
    after: context.resumeAfter ?? args.after ?? null,
    caughtUp: null,
  })
  return events as AsyncIterable<Of<Kind>>
}

/** @throws RequestError `NOT_FOUND`: a subscription that cannot start has no result to put the failure in */
export async function accessForSubscription(context: Context, chatId: string): Promise<string> {
  try {
    return (await accessChat(context.store, viewerOf(context), chatId)).id
  } catch (error) {
    if (error instanceof NotFoundError) throw new RequestError('NOT_FOUND', error.message)
    throw error
  }
}

builder.subscriptionFields((t) => {
  const args = {
    chatId: t.arg.id({ description: chatIdDescription }),
    after: t.arg.string({ description: afterDescription }),
  }
  return {
    messageAdded: t.field({
      type: MessageAdded,
      description: 'New messages.',
      args,
      subscribe: (_root, given, context) => followKind(context, 'MESSAGE_ADDED', given),
      resolve: (event) => event,
    }),
    messageEdited: t.field({
      type: MessageEdited,
      description: 'Messages that get a new text.',
      args,
      subscribe: (_root, given, context) => followKind(context, 'MESSAGE_EDITED', given),
      resolve: (event) => event,
    }),
    messageDeleted: t.field({
      type: MessageDeleted,
      description:
        'Messages that are deleted one by one. Those that are erased together with an account are told of by `AccountErased` of `events`.',
      args,
      subscribe: (_root, given, context) => followKind(context, 'MESSAGE_DELETED', given),
      resolve: (event) => event,
    }),
    events: t.field({
      type: Event,
      description:
        'Everything that concerns the viewer, in one order. What was missed behind `after` comes first, then one `CaughtUp`, then what is live; without `after`, `CaughtUp` comes first.',
      args: { after: t.arg.string({ description: afterDescription }) },
      subscribe: (_root, { after }, context) =>
        context.feed.follow({
          viewer: viewerOf(context),
          endsWithSession: !context.closesWithSession,
          chatId: null,
          kinds: allKinds,
          after: context.resumeAfter ?? after ?? null,
          caughtUp: (position) => ({ kind: 'CAUGHT_UP', position, occurredAt: new Date() }),
        }),
      resolve: (event) => event,
    }),
  }
})
