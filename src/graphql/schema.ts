import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql'
import { builder } from './builder.ts'
import './scalars.ts'
import './errors.ts'
import './node.ts'
import '../features/users/schema.ts'
import '../features/auth/schema.ts'
import '../features/auth/mutation-schema.ts'
import '../features/blocks/schema.ts'
import '../features/chats/schema.ts'
import '../features/chats/mutation-schema.ts'
import '../features/chats/group-schema.ts'
import '../features/messages/schema.ts'
import '../features/messages/mutation-schema.ts'
import '../features/privacy/schema.ts'
import '../features/realtime/schema.ts'
import '../features/presence/schema.ts'

const needsLogin = { authScopes: { authenticated: true } }

builder.queryType({ description: 'Operations that read data.', ...needsLogin })
builder.mutationType({
  description:
    'Operations that change data. Each result is a union of a payload and error types; select `... on UserError { code reason }` to handle every expected failure.',
  ...needsLogin,
})
builder.subscriptionType({
  description:
    'Operations that follow data live, over WebSocket (`graphql-transport-ws`) or server-sent events. A client that reconnects with `after` misses no event. `typing` and `presence` cannot be resumed: they report only the current state.',
  ...needsLogin,
})

/** The executable schema, sorted, so that what it prints is stable. */
export function createSchema(): GraphQLSchema {
  return builder.toSchema({ sortSchema: true })
}

/** The schema definition language of the committed `schema.graphql`. */
export function printSdl(schema: GraphQLSchema): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}
