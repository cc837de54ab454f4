import type { SystemMessageKind as SystemKind } from '../../db/generated/prisma/client.ts'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { findUsers, type PublicUser } from '../users/access.ts'
import { User } from '../users/schema.ts'
import type { MessageView } from './access.ts'
import { namedSubjects, systemText } from './system-text.ts'

const SystemMessageKind = builder.enumType('SystemMessageKind', {
  description: 'What happened in a group. Who did it is the `author` of the message.',
  values: {
    MEMBERS_ADDED: { description: 'The author added `users`.' },
    MEMBER_REMOVED: { description: 'The author removed the one of `users`.' },
    MEMBER_LEFT: { description: 'The author left.' },
    MEMBER_MADE_OWNER: { description: 'The author handed the group over to the one of `users`.' },
    MEMBER_MADE_ADMIN: { description: 'The author made the one of `users` an admin.' },
    MEMBER_MADE_MEMBER: { description: 'The author took the role of the one of `users` away.' },
    CHAT_RENAMED: { description: 'The author gave the group the title `title`.' },
    HISTORY_MADE_FULL: { description: 'From then on, who joins sees what was said before.' },
    HISTORY_MADE_FROM_JOIN: { description: 'From then on, who joins sees only what is said later.' },
  } as const,
})

interface SystemFacts {
  readonly kind: SystemKind
  readonly userIds: readonly string[]
  readonly title: string | null
}

export const SystemMessage = builder.objectRef<SystemFacts>('SystemMessage').implement({
  description: 'What the server says in a group.',
  fields: (t) => ({
    kind: t.expose('kind', { type: SystemMessageKind, description: 'What happened.' }),
    users: t.field({
      type: [User],
      complexity: { field: 1, multiplier: namedSubjects },
      description: `To whom: the first ${namedSubjects} of them, without those whose account is erased.`,
      resolve: async ({ userIds }, _args, context) => {
        const users = await loadSubjects(context, userIds)
        return users.filter((user) => user !== undefined)
      },
    }),
    title: t.exposeString('title', {
      nullable: true,
      description:
        'For `CHAT_RENAMED`, the title that it had from then on; null once it went with the account of its author.',
    }),
    userCount: t.int({
      description: 'To how many in all.',
      resolve: ({ userIds }) => userIds.length,
    }),
  }),
})

function loadSubjects(context: Context, userIds: readonly string[]): Promise<(PublicUser | undefined)[]> {
  const load = (ids: readonly string[]) => findUsers(context.store, ids)
  return Promise.all(userIds.slice(0, namedSubjects).map((id) => context.batch.load('user', id, load)))
}

export async function textOfSystem(
  context: Context,
  { author, systemSubjectIds, text }: MessageView,
  kind: SystemKind,
): Promise<string> {
  const users = await loadSubjects(context, systemSubjectIds)
  const names = users.map((user) => user?.displayName ?? null)
  return systemText(kind, author?.displayName ?? null, names, systemSubjectIds.length, text)
}
