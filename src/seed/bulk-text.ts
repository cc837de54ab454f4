import type { Random } from './bulk-plan.ts'

const firstNames =
  'Ada Aylin Björn Chloé Dmitri Elif Emeka Fatima Gonçalo Hana Inés Jürgen Kwame Lucía Mehmet Ngozi Óscar Priya Quentin Ravi Søren Thảo Ursula Víctor Wanda Xiu Yuki Zoë'.split(
    ' ',
  )
const lastNames =
  'Abebe Bianchi Çelik Dubois Eriksen Fernández García Hernández Ivanova Jansen Kowalski López Müller Nguyễn Okafor Petrov Quispe Rossi Šimić Tanaka Ueda Vargas Weiß Xu Yılmaz Zhang'.split(
    ' ',
  )
const titles =
  'Release train|Book club|Climbing|Coffee corner|Neighbours|Family|On-call|Design reviews|Football|Lunch|Roof garden|Choir|Chess|Board games|Travel plans|Flat hunt|Study group|Running|Photo walk|Cooking'.split(
    '|',
  )
const words =
  'the a and to of in is it that for you on with this but not we they at have be was from or by one all can would there what so up out if about who get which go me when make like time no just him know take people into year your good some could them see other than then now look only come its over think also back after use two how our work first well way even new want because any these give day most us meeting train report coffee weekend ticket river garden window server deploy review budget design photo recipe guitar mountain breakfast invoice password keyboard holiday umbrella library neighbour birthday contract database bicycle kitchen airport calendar concert project question answer morning evening'.split(
    ' ',
  )
const closings = ['.', '.', '.', '', '', '', '!', '?', '?', ' 🙂', ' 👍', ' 😂', '…']
const oddities = [
  'שלום לכולם, ניפגש מחר',
  'مرحبا بالجميع، أراكم غدا',
  '明日の会議は10時からです',
  '<b>not bold</b> & <i>not italic</i>',
  'one\ntwo\nthree',
  '🎉🎉🎉',
]

export function displayName(random: Random): string {
  return `${pick(firstNames, random)} ${pick(lastNames, random)}`
}

export function chatTitle(chat: number, random: Random): string {
  return `${pick(titles, random)} ${chat + 1}`
}

/** Mostly a few words, now and then a paragraph, and rarely something that tests a renderer. */
export function messageText(random: Random): string {
  if (random() < 0.01) return pick(oddities, random)
  const length = 1 + Math.floor(random() ** 3 * 40)
  let text = pick(words, random)
  for (let i = 1; i < length; i++) text += ` ${pick(words, random)}`
  return text.charAt(0).toUpperCase() + text.slice(1) + pick(closings, random)
}

function pick(choices: readonly string[], random: Random): string {
  return choices[Math.floor(random() * choices.length)] ?? ''
}
