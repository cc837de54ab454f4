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
