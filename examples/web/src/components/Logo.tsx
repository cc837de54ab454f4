export function Logo() {
  return <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width={32} height={32} />
}
