import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import ErrorsPlugin from '@pothos/plugin-errors'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import WithInputPlugin from '@pothos/plugin-with-input'
import { unauthenticated } from '../core/errors.ts'
import type PrismaTypes from '../db/generated/pothos.ts'
import { getDatamodel } from '../db/generated/pothos.ts'
import type { SessionView } from '../features/auth/session-actions.ts'
import type { ChatView, MemberView } from '../features/chats/access.ts'
import type { MessageView } from '../features/messages/access.ts'
import type { PublicUser } from '../features/users/access.ts'
import type { Context } from './context.ts'

/** What the features load for a model, where that is not the model's whole row. */
interface Shapes {
  User: PublicUser
  Session: SessionView
  Chat: ChatView
  ChatMember: MemberView
  Message: MessageView
}
type ModelTypes = {
  [Model in keyof PrismaTypes]: Model extends keyof Shapes
    ? Omit<PrismaTypes[Model], 'Shape'> & { Shape: Shapes[Model] }
    : PrismaTypes[Model]
}

/** The one builder; it defines no types. */
export const builder = new SchemaBuilder<{
  Context: Context
  PrismaTypes: ModelTypes
  AuthScopes: { authenticated: boolean }
  DefaultFieldNullability: false
  DefaultInputFieldRequiredness: false
  DefaultEdgesNullability: { list: false; items: false }
  DefaultNodeNullability: false
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
  }
}>({
  // Scope checks stand before everything else; errors wraps what they let through.
  plugins: [ErrorsPlugin, ScopeAuthPlugin, RelayPlugin, PrismaPlugin, WithInputPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  errors: { directResult: true },
  scopeAuth: {
    authScopes: (context) => ({ authenticated: context.principal.kind === 'user' }),
    unauthorizedError: () => unauthenticated(),
    authorizeOnSubscribe: true,
  },
  relay: {
    cursorType: 'String',
    clientMutationId: 'omit',
    idFieldOptions: { description: 'The global id: opaque, and unique over all types.' },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    edgesFieldOptions: {
      nullable: { list: false, items: false },
      complexity: { field: 0, multiplier: 1 },
      description: 'The page, in the order of the list.',
    },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: 'The place of this item, for `after` and `before`. Opaque.' },
    pageInfoFieldOptions: { description: 'Whether there is more, and from where to go on.' },
    nodeTypeOptions: { description: 'Anything with an id of its own, unique over all types.' },
    pageInfoTypeOptions: { description: 'Where a page lies in its list.' },
    hasNextPageFieldOptions: { description: 'Whether there are items after this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether there are items before this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first edge; null for an empty page.' },
    endCursorFieldOptions: { description: 'The cursor of the last edge; null for an empty page.' },
    firstArgOptions: { description: 'At most this many from the front, 1 to 100.' },
    lastArgOptions: { description: 'At most this many from the back, 1 to 100.' },
    afterArgOptions: { description: 'Only what comes after this cursor.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
  },
  prisma: {
    // Rows are read through the features' access functions, never by the plugin itself.
    client: () => {
      throw new Error('Resolvers read through the features, not through the schema plugin.')
    },
    dmmf: getDatamodel(),
    exposeDescriptions: false,
  },
  withInput: { argOptions: { required: true, description: 'What to do, and with what.' } },
  // Counted once for an operation, by its runner, and not once for each root field.
  complexity: { disabled: true },
})
