import { ApolloProvider } from '@apollo/client/react'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { createParley, type Parley } from './apollo/client.ts'
import { readSession, wasSessionEnded, watchSession } from './apollo/session.ts'
import { Chats } from './components/Chats.tsx'
import { SignIn } from './components/SignIn.tsx'

/** Chats for whoever is logged in, and the way in for everybody else. */
export function App() {
  const sessionId = useSyncExternalStore(watchSession, () => readSession()?.id ?? null)
  const hasEnded = useSyncExternalStore(watchSession, wasSessionEnded)
  const parley = useParley(sessionId)
  if (parley === null) return null
  return (
    <ApolloProvider client={parley.apollo}>
      {sessionId === null ? <SignIn hasEnded={hasEnded} /> : <Chats parley={parley} />}
    </ApolloProvider>
  )
}

/** A client of its own for each session: nothing of one person is left for the next. */
function useParley(sessionId: string | null): Parley | null {
  const [current, setCurrent] = useState<{ sessionId: string | null; parley: Parley } | null>(null)
  useEffect(() => {
    const parley = createParley(sessionId)
    setCurrent({ sessionId, parley })
    return () => {
      parley.socket.dispose()
      parley.apollo.stop()
    }
  }, [sessionId])
  return current?.sessionId === sessionId ? current.parley : null
}
