import { useApolloClient, useMutation } from '@apollo/client/react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { anonymous } from '../apollo/links.ts'
import { beginSession } from '../apollo/session.ts'
import { issuesOf, reasonOf } from '../failure.ts'
import {
  type FailureFragment,
  LoginDocument,
  LogoutDocument,
  RegisterDocument,
  type TokensFragment,
} from '../gql/graphql.ts'
import { Field } from './Field.tsx'
import { Logo } from './Logo.tsx'

/** At which field a failure is shown that has no path of its own. */
const fieldOfCode: Partial<Record<FailureFragment['code'], string>> = {
  USERNAME_TAKEN: 'username',
  EMAIL_TAKEN: 'email',
}

export function SignIn({ hasEnded }: { hasEnded: boolean }) {
  const [isNew, setNew] = useState(false)
  const [failure, setFailure] = useState<FailureFragment | null>(null)
  const [missing, setMissing] = useState<readonly string[]>([])
  const [isUnreachable, setUnreachable] = useState(false)
  const [login, { loading: loggingIn }] = useMutation(LoginDocument, { context: anonymous })
  const [register, { loading: registering }] = useMutation(RegisterDocument, { context: anonymous })

  const apollo = useApolloClient()
  /** The username and the password of a registration that no answer came to. */
  const unanswered = useRef<string | null>(null)

  const form = useRef<HTMLFormElement>(null)
  useEffect(() => {
    if (hasEnded) form.current?.querySelector('input')?.focus()
  }, [hasEnded])
  // To the first field that has something to mend.
  useEffect(() => {
    if (failure !== null || missing.length > 0)
      form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus()
  }, [failure, missing])

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault()
    const entered = new FormData(event.currentTarget)
    const value = (name: string) => String(entered.get(name) ?? '')
    setFailure(null)
    setUnreachable(false)
    // What is wrong with a new account the server says better; of a login it says no more than that it is wrong.
    const empty = isNew ? [] : ['identifier', 'password'].filter((name) => value(name) === '')
    setMissing(empty)
    if (empty.length > 0) return
    try {
      const result = isNew ? await signUp(registration(value)) : await logIn(credentials(value))
      if (result === undefined) return
      if ('tokens' in result) await enter(result.tokens)
      else setFailure(result)
    } catch {
      setUnreachable(true)
    }
  }

  const logIn = async (input: ReturnType<typeof credentials>) =>
    (await login({ variables: { input } })).data?.login

  /** An account that was made although no answer came is not taken by somebody else: the password opens it. */
  async function signUp(input: ReturnType<typeof registration>) {
    const { username: identifier, password } = input
    const same = `${identifier} ${password}`
    const isAgain = unanswered.current === same
    unanswered.current = same
    const result = (await register({ variables: { input } })).data?.register
    if (isAgain && result?.__typename === 'ConflictError') {
      const made = await logIn({ identifier, password, deviceName })
      if (made?.__typename === 'LoginPayload') return made
    }
    unanswered.current = null
    return result
  }

  async function enter(tokens: TokensFragment): Promise<void> {
    if (beginSession(tokens)) return
    // Another tab was faster, and nobody would ever use this one.
    const context = { ...anonymous, headers: { authorization: `Bearer ${tokens.accessToken}` } }
    await apollo.mutate({ mutation: LogoutDocument, context })
  }

  const problemOf = (field: string) => {
    if (missing.includes(field)) return 'Required'
    if (failure === null) return null
    if (fieldOfCode[failure.code] === field) return failure.reason
    return issuesOf(failure).find(({ path }) => path[0] === field)?.message ?? null
  }
  const hasPlace = failure !== null && (failure.code in fieldOfCode || issuesOf(failure).length > 0)
  return (
    <main className="sign-in">
      <form ref={form} onSubmit={submit} noValidate>
        <h1>
          <Logo /> Parley
        </h1>
        {hasEnded && (
          <p className="ended" role="status">
            Your session has ended. Log in again.
          </p>
        )}
        <p className="soft">{isNew ? 'Make an account and start talking.' : 'Log in to go on talking.'}</p>
        {isNew ? (
          <>
            <Field
              label="Username"
              name="username"
              autoComplete="username"
              problem={problemOf('username')}
              hint="Letters, digits and underscores"
            />
            <Field
              label="Name"
              name="displayName"
              autoComplete="name"
              problem={problemOf('displayName')}
              hint="As others see it; your username if you leave it empty"
            />
            <Field
              label="Email"
              name="email"
              type="email"
              autoComplete="email"
              problem={problemOf('email')}
            />
          </>
        ) : (
          <Field
            label="Username or email"
            name="identifier"
            autoComplete="username"
            problem={problemOf('identifier')}
          />
        )}
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete={isNew ? 'new-password' : 'current-password'}
          problem={problemOf('password')}
          {...(isNew && { hint: '8 characters or more, with both cases and a digit' })}
        />
        <div role="alert">
          {failure !== null && !hasPlace && <p className="problem">{reasonOf(failure)}</p>}
          {isUnreachable && (
            <p className="problem">
              {isNew
                ? 'No answer came. Your account may be there all the same: press “Sign up” again, and you get in.'
                : 'The server cannot be reached. Try again in a moment.'}
            </p>
          )}
        </div>
        <button type="submit" className="main" disabled={loggingIn || registering}>
          {isNew ? 'Sign up' : 'Log in'}
        </button>
        <p className="soft">
          {isNew ? 'You have an account? ' : 'New here? '}
          <button
            type="button"
            className="link"
            onClick={() => {
              setNew(!isNew)
              setFailure(null)
              setMissing([])
            }}
          >
            {isNew ? 'Log in instead' : 'Make an account'}
          </button>
        </p>
      </form>
    </main>
  )
}

type Value = (name: string) => string
const deviceName = 'Web app'

function credentials(value: Value) {
  return { identifier: value('identifier'), password: value('password'), deviceName }
}

function registration(value: Value) {
  const displayName = value('displayName').trim() || null
  return {
    username: value('username'),
    email: value('email'),
    password: value('password'),
    displayName,
    deviceName,
  }
}
