import { type HTMLElement, Window } from 'happy-dom'
import { type ReactNode, Suspense } from 'react'
import { RelayEnvironmentProvider } from 'react-relay'
import type { IEnvironment } from 'relay-runtime'
import { vi } from 'vitest'

/** A page that React renders into, without a browser. */
export async function openPage(environment: IEnvironment) {
  const window = new Window()
  // Where React looks for a page, as soon as it is loaded.
  for (const [name, value] of Object.entries({
    window,
    document: window.document,
    navigator: window.navigator,
  })) {
    vi.stubGlobal(name, value)
  }
  const { createRoot } = await import('react-dom/client')
  const root = createRoot(window.document.body as never)
  return {
    document: window.document,
    show(node: ReactNode) {
      root.render(
        <RelayEnvironmentProvider environment={environment}>
          <Suspense fallback="…">{node}</Suspense>
        </RelayEnvironmentProvider>,
      )
    },
    items: () => [...window.document.querySelectorAll('li')].map((item) => item.textContent),
    /** False for a button that is not to be pressed. */
    press(id: string): boolean {
      const button = window.document.getElementById(id) as HTMLElement | null
      if (button === null || button.hasAttribute('disabled')) return false
      button.click()
      return true
    },
    async close() {
      root.unmount()
      await window.happyDOM.close()
    },
  }
}
