import type { ExecutionResult, GraphQLError } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import type { Logger } from '../core/logger.ts'
import { toClientError } from '../graphql/operation/client-errors.ts'
import { badRequest, isRecord, type OperationRequest, requestKeys } from '../graphql/operation/request.ts'
import type { OperationRunner } from '../graphql/operation/runner.ts'
import type { HttpContext } from './event-stream.ts'

/** Runs what requests ask for by our own runner, in place of Yoga's chain of parsing, validation and execution. */
export function useOperationRunner(runner: OperationRunner, logger: Logger): Plugin<object, HttpContext> {
  return {
    onRequestParse({ setRequestParser }) {
      setRequestParser(
        (sent) => (sent.method === 'GET' ? readParameters(sent) : readBody(sent)) as Promise<GraphQLParams>,
      )
    },
    onParams({ params, request, setParams, setParamsHandler, context }) {
      const caller = context as HttpContext
      // Yoga checks parameters, too, and insists on a text. What is asked for is for the runner to check.
      setParams({ query: '' })
      setParamsHandler(async () => {
        const outcome = await runner.run(params as OperationRequest, caller, {
          mutations: request.method !== 'GET',
          streams: caller.acceptsEvents,
        })
        if (!(Symbol.asyncIterator in outcome)) return outcome
        return endWithError(outcome, (error) => toClientError(error, { requestId: caller.requestId, logger }))
      })
    },
  }
}

/**
 * What ends a stream is its last result, since server-sent events have no other way to say so. Written without a
 * generator, so that `return` reaches the results at once.
 */
function endWithError(
  results: AsyncIterableIterator<ExecutionResult>,
  format: (error: unknown) => GraphQLError,
): AsyncIterableIterator<ExecutionResult> {
  return {
    async next() {
      try {
        return await results.next()
      } catch (error) {
        return { done: false, value: { errors: [format(error)] } }
      }
    },
    async return() {
      await results.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** The parameters of a GET. @throws GraphQLError `BAD_REQUEST` */
async function readParameters({ url }: Request): Promise<OperationRequest> {
  const parameters = new URL(url, 'http://localhost').searchParams
  const json = (name: string) =>
    parseJson(parameters.get(name) || 'null', `The parameter ${name} is not JSON.`)
  return pick((name) =>
    name === 'variables' || name === 'extensions' ? json(name) : parameters.get(name) || undefined,
  )
}

/** @throws GraphQLError `BAD_REQUEST` */
async function readBody(request: Request): Promise<OperationRequest> {
  const body = parseJson(withoutByteOrderMark(await request.text()), 'The request body is not JSON.')
  if (!isRecord(body)) throw badRequest('The request body must be a JSON object.')
  return pick((name) => body[name])
}

/** Clients send more than these, which is their business. */
function pick(read: (name: (typeof requestKeys)[number]) => unknown): OperationRequest {
  return Object.fromEntries(requestKeys.map((name) => [name, read(name)]))
}

function parseJson(text: string, problem: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest(problem)
  }
}

/** RFC 8259 lets a parser skip it, and some clients on Windows send it. */
function withoutByteOrderMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}
