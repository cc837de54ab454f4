let leaving = false

/** Whether the session is being ended by whoever has it, in this tab. */
export const isLoggingOut = () => leaving

export function setLoggingOut(value: boolean): void {
  leaving = value
}
