import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Logger } from '../core/logger.ts'
import { hasCode } from '../core/system-error.ts'
import { toClientError } from '../graphql/operation/client-errors.ts'
import { badRequest, isRecord, type OperationRequest, requestKeys } from '../graphql/operation/request.ts'
import type { OperationRunner } from '../graphql/operation/runner.ts'
import type { HttpContext } from './event-stream.ts'

/**
 * Runs what requests ask for by our own runner, in place of Yoga's chain of parsing, validation and execution. Yoga's
 * checks of parameters come before and insist on a text, so they get one; what is asked for is for the runner to check.
 */
export function useOperationRunner(runner: OperationRunner, logger: Logger): Plugin<object, HttpContext> {
  return {
    onRequestParse({ setRequestParser }) {
      setRequestParser(() => ({ query: '' }))
    },
    onParams({ request, setParamsHandler, context }) {
      const caller = context as HttpContext
      const format = (error: unknown) => toClientError(error, { requestId: caller.requestId, logger })
      setParamsHandler(async () => {
        let asked: OperationRequest
        try {
          asked = request.method === 'GET' ? readParameters(request) : await readBody(request)
        } catch (error) {
          return { errors: [format(error)] }
        }
        const outcome = await runner.run(asked, caller, {
          mutations: request.method !== 'GET',
          streams: caller.acceptsEvents,
        })
        return Symbol.asyncIterator in outcome ? endWithError(outcome, format) : outcome
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
function readParameters({ url }: Request): OperationRequest {
  const parameters = new URL(url, 'http://localhost').searchParams
  const json = (name: string) =>
    parseJson(parameters.get(name) || 'null', `The parameter ${name} is not valid JSON.`)
  return pick((name) =>
    name === 'variables' || name === 'extensions' ? json(name) : parameters.get(name) || undefined,
  )
}

/** @throws GraphQLError `BAD_REQUEST` */
async function readBody(request: Request): Promise<OperationRequest> {
  let text: string
  try {
    text = await request.text()
  } catch (error) {
    if (!hasCode(error, 'ECONNRESET')) throw error
    // The client has gone; the answer is for nobody.
    throw badRequest('The request body is incomplete.')
  }
  const body = parseJson(withoutByteOrderMark(text), 'The request body is not valid JSON.')
  if (!isRecord(body)) throw badRequest('The request body must be a JSON object.')
  return pick((name) => body[name])
}

/** Unknown keys are ignored, as over WebSocket. */
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
