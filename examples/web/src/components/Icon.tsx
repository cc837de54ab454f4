const paths = {
  react: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 14.5c1.6 2.2 5.4 2.2 7 0M9 9.5v.5M15 9.5v.5',
  reply: 'M9 7 4 12l5 5M4 12h10c4 0 6 2 6 6',
  edit: 'M4 20l1-4.5L16.5 4 20 7.500 8.500 19zM14 6.500l3.500 3.500',
  delete: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.500 11v5M13.500 11v5',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l4.500 4.500',
  people:
    'M9 4a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7M2.500 20c0-4 3-6 6.500-6s6.500 2 6.500 6M16 4a3.500 3.500 0 0 1 0 7M18 14.500c2.300.9 3.500 2.700 3.500 5.500',
} as const

/** A drawing for a button, which says in words what it does. */
export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}

interface IconButtonProps {
  readonly icon: keyof typeof paths
  readonly label: string
  readonly onClick: () => void
}

export function IconButton({ icon, label, onClick }: IconButtonProps) {
  return (
    <button type="button" className="quiet icon-button" aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  )
}
