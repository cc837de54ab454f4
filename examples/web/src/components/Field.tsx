import { type InputHTMLAttributes, useId } from 'react'

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  readonly label: string
  readonly hint?: string
  readonly problem?: string | null
}

/** An input with its label, and what is wrong with it where it is. */
export function Field({ label, hint, problem = null, ...input }: FieldProps) {
  const id = useId()
  const about = problem ?? hint
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        {...input}
        id={id}
        aria-invalid={problem !== null}
        aria-describedby={about === undefined ? undefined : `${id}-about`}
      />
      {about !== undefined && (
        <p id={`${id}-about`} className={problem === null ? 'hint' : 'problem'}>
          {about}
        </p>
      )}
    </div>
  )
}
