import { useMutation } from '@apollo/client/react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { anonymous } from '../apollo/links.ts'
import { saveSession } from '../apollo/session.ts'
import { issuesOf, reasonOf } from '../failure.ts'
import { type FailureFragment, LoginDocument, RegisterDocument } from '../gql/graphql.ts'
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

  const form = useRef<HTMLFormElement>(null)
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
      const result = isNew
        ? (await register({ variables: { input: registration(value) } })).data?.register
        : (await login({ variables: { input: credentials(value) } })).data?.login
      if (result === undefined) return
      if ('tokens' in result) return saveSession(result.tokens)
      setFailure(result)
    } catch {
      setUnreachable(true)
    }
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
          {isUnreachable && <p className="problem">The server cannot be reached. Try again in a moment.</p>}
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
