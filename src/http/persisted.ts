import type { GraphQLParams, Plugin } from 'graphql-yoga'
import type { PersistedOperations, Resolution } from '../graphql/persisted/operations.ts'
import type { OperationParameters } from '../graphql/persisted/request.ts'
import type { HttpContext } from './event-stream.ts'

/** Puts the text of a persisted document where a request names one, so that it goes on like any other. */
export function usePersistedOperations(operations: PersistedOperations): Plugin<object, HttpContext> {
  return {
    onRequestParse({ request, setRequestParser }) {
      if (request.method === 'GET') setRequestParser(({ url }) => parametersOf(url))
    },
    onParams({ params, setParams, context }) {
      const use = (resolution: Resolution | null): void => {
        if (resolution === null) return
        const { documentId: _, doc_id: _docId, ...rest } = params as GraphQLParams & OperationParameters
        setParams({ ...rest, query: resolution.text })
        Object.assign(context, { onValid: resolution.onValid })
      }
      const found = operations.resolve(params as OperationParameters, context)
      return found instanceof Promise ? found.then(use) : use(found)
    },
  }
}

/** The parameters of a GET. What must be JSON has been found to be. */
function parametersOf(url: string): GraphQLParams & OperationParameters {
  const parameters = new URL(url, 'http://localhost').searchParams
  const text = (name: string) => parameters.get(name) || undefined
  const json = (name: string) => JSON.parse(parameters.get(name) || 'null') ?? undefined
  return {
    query: text('query'),
    operationName: text('operationName'),
    variables: json('variables'),
    extensions: json('extensions'),
    documentId: text('documentId'),
    doc_id: text('doc_id'),
  } as GraphQLParams & OperationParameters
}
