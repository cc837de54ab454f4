import { type ReactNode, useEffect, useId, useRef } from 'react'

interface DialogProps {
  readonly title: string
  /** It is closed by then, and the focus where it was before. */
  readonly onClose: () => void
  readonly children: ReactNode
}

/** In front of everything else, with its title and a way out: Escape closes it, too. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (dialog.current?.open) return
    dialog.current?.showModal()
    // Whoever wants to search wants to write. Anything else is looked at first.
    dialog.current?.querySelector<HTMLElement>('[type=search]:not(details *)')?.focus()
  }, [])
  useKeepingFocus(dialog)
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <header>
        <h2 id={id} className="grow clip">
          {title}
        </h2>
        <button type="button" className="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  )
}

/** What has the focus may go, by oneself or by somebody else: then the heading above it has it, and not the page behind. */
function useKeepingFocus(dialog: React.RefObject<HTMLDialogElement | null>): void {
  useEffect(() => {
    const element = dialog.current
    if (element === null) return
    let focused: Element | null = null
    let heading: Element | null | undefined
    const remember = () => {
      focused = document.activeElement
      heading = focused?.closest('dialog section')?.querySelector('h3')
    }
    const keep = () => {
      const isLost = focused !== null && (!focused.isConnected || focused.matches(':disabled'))
      if (!isLost || !element.open) return
      const next = heading?.isConnected ? heading : element.querySelector('h2')
      if (!(next instanceof HTMLElement)) return
      // Only now: it is nothing that a dialog should open with.
      next.setAttribute('tabindex', '-1')
      next.focus({ preventScroll: true })
    }
    const observer = new MutationObserver(keep)
    observer.observe(element, { childList: true, subtree: true, attributeFilter: ['disabled'] })
    element.addEventListener('focusin', remember)
    if (element.contains(document.activeElement)) remember()
    return () => {
      observer.disconnect()
      element.removeEventListener('focusin', remember)
    }
  }, [dialog])
}
