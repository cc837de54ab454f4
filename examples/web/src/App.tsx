import { ApolloProvider } from '@apollo/client/react'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { createParley, type Parley } from './apollo/client.ts'
import { readSession, watchSession } from './apollo/session.ts'
import { Chats } from './components/Chats.tsx'
import { isLoggingOut } from './components/leaving.ts'
import { SignIn } from './components/SignIn.tsx'

/** Chats for whoever is logged in, and the way in for everybody else. */
export function App() {
  const isLoggedIn = useSyncExternalStore(watchSession, () => readSession() !== null)
  const parley = useParley(isLoggedIn)
  // Whoever logs out says so; otherwise the session was ended, or ran out.
  const [before, setBefore] = useState(isLoggedIn)
  const [hasEnded, setEnded] = useState(false)
  if (before !== isLoggedIn) {
    setBefore(isLoggedIn)
    setEnded(!isLoggedIn && !isLoggingOut())
  }
  if (parley === null) return null
  return (
    <ApolloProvider client={parley.apollo}>
      {isLoggedIn ? <Chats parley={parley} /> : <SignIn hasEnded={hasEnded} />}
    </ApolloProvider>
  )
}

/** A client of its own for each session: nothing of one person is left for the next. */
function useParley(isLoggedIn: boolean): Parley | null {
  const [parley, setParley] = useState<{ isLoggedIn: boolean; parley: Parley } | null>(null)
  useEffect(() => {
    const created = createParley()
    setParley({ isLoggedIn, parley: created })
    return () => {
      created.socket.dispose()
      created.apollo.stop()
    }
  }, [isLoggedIn])
  return parley?.isLoggedIn === isLoggedIn ? parley.parley : null
}
