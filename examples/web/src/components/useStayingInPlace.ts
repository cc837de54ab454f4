import { useEffect, useLayoutEffect, useRef } from 'react'

/** How near to the end counts as being there, in pixels. */
const nearEnd = 80

/**
 * Keeps what is looked at where it is when older messages come above it, and stays at the end when newer ones come below;
 * goes there when something was sent. It says whether the end is in sight.
 */
export function useStayingInPlace(
  list: React.RefObject<HTMLOListElement | null>,
  first: string | undefined,
  end: string,
  outgoing: number,
  [isAtEnd, setAtEnd]: [boolean, (isAtEnd: boolean) => void],
): void {
  const known = useRef({ first, fromEnd: 0, outgoing })
  useEffect(() => {
    const element = list.current
    if (element === null) return
    const look = () => {
      known.current.fromEnd = element.scrollHeight - element.scrollTop
      setAtEnd(known.current.fromEnd - element.clientHeight < nearEnd)
    }
    const settle = () => {
      // The list got smaller or larger, as when the keyboard of a phone opens.
      if (known.current.fromEnd - lastHeight < nearEnd) element.scrollTop = element.scrollHeight
      lastHeight = element.clientHeight
    }
    let lastHeight = element.clientHeight
    const observer = new ResizeObserver(settle)
    observer.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [list, setAtEnd])
  // biome-ignore lint/correctness/useExhaustiveDependencies: `end` says that something came below.
  useLayoutEffect(() => {
    const element = list.current
    if (element === null) return
    const before = known.current
    if (before.first !== first && before.first !== undefined && !isAtEnd) {
      element.scrollTop = element.scrollHeight - before.fromEnd
    } else if (isAtEnd || outgoing > before.outgoing) {
      element.scrollTop = element.scrollHeight
    }
    known.current = { first, fromEnd: element.scrollHeight - element.scrollTop, outgoing }
  }, [list, first, end, outgoing])
}
