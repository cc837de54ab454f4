import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { globalId, Node, nodeLoader } from '../../graphql/node.ts'
import { pageCost } from '../../graphql/pages.ts'
import { findUserByUsername, findUsers } from './access.ts'
import { emailSearchLimit, isEmailSearch, searchUsers } from './search.ts'

const UserKind = builder.enumType('UserKind', {
  description: 'Who is behind an account.',
  values: {
    HUMAN: { description: 'A person.' },
    BOT: { description: 'A program.' },
  } as const,
})

export const User = builder.prismaObject('User', {
  description: 'An account, as everyone who is logged in may see it. Private data is on `Viewer`.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: globalId('User') }),
    username: t.exposeString('username', {
      description: 'The unique name: 3 to 80 letters, digits and underscores, unique whatever its case.',
    }),
    displayName: t.exposeString('displayName', { description: 'The name to show, 1 to 80 characters.' }),
    kind: t.expose('kind', { type: UserKind, description: 'Whether a person or a program.' }),
    bio: t.exposeString('bio', {
      nullable: true,
      description:
        'A few words about themselves, if they wrote any: at most 500 characters, perhaps several lines.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the account was made.' }),
    isViewer: t.boolean({
      description: 'Whether this is the one who is asking.',
      resolve: (user, _args, context) =>
        context.principal.kind === 'user' && context.principal.userId === user.id,
    }),
  }),
})

export const UserConnection = builder.connectionObject(
  { type: User, name: 'UserConnection', description: 'A page of users.' },
  { name: 'UserEdge', description: 'A user in a page.' },
)

nodeLoader('User', async (context, ids) => {
  // Only those who are logged in see accounts.
  viewerOf(context)
  return findUsers(context.store, ids)
})

builder.queryFields((t) => ({
  user: t.field({
    type: User,
    nullable: true,
    description: 'The account with this username, whatever its case; null when there is none.',
    args: { username: t.arg.string({ required: true, description: 'The whole username.' }) },
    resolve: (_root, { username }, context) => findUserByUsername(context.store, username),
  }),
  users: t.connection(
    {
      type: User,
      // A search by similarity costs the database about as much as a hundred fields.
      complexity: (args) => ({ ...pageCost()(args), field: 100 }),
      description:
        'Search for people; whoever has blocked the viewer, or is blocked by them, is not found. Text with an `@` and characters on both sides of it is an email address and matches exactly or not at all (30 of these at once and one a minute, then `RATE_LIMITED`); everything else matches username and display name by prefix and similarity, best first. An account that is disabled is not found. Pages of 20 unless asked otherwise.',
      args: {
        search: t.arg.string({ required: true, description: 'What to look for, 1 to 120 characters.' }),
      },
      resolve: async (_root, { search, ...page }, context) => {
        const { userId } = viewerOf(context)
        if (isEmailSearch(search)) {
          await context.auth.limits.take([{ rule: emailSearchLimit, subject: userId }])
        }
        return context.searchGate(userId, () => searchUsers(context.store, userId, search, page))
      },
    },
    UserConnection,
  ),
}))
