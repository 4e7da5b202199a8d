import { textUpTo } from './dead-letter.js'
import type { RawDelivery } from './transport.js'
import { header } from './wire.js'

/**
 * The letters that a redrive still has to send. Those of one key go in the order in which they died first: one that was redriven in vain stands
 * behind those that came after it.
 */
export class WaitingLetters {
  readonly #ids = new Map<string, RawDelivery[]>()
  /** Of each key when its letters died first. */
  readonly #keys = new Map<string, string[]>()

  constructor(letters: readonly RawDelivery[]) {
    for (const letter of letters) this.#add(letter)
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0
  }

  has(letter: RawDelivery): boolean {
    return this.#find(letter) !== undefined
  }

  /** No other letter of its key goes before it. */
  isNext(letter: RawDelivery): boolean {
    const key = keyOf(letter)
    const death = firstDeath(letter)

    return key === undefined || !(this.#keys.get(key) ?? []).some((other) => other < death)
  }

  remove(letter: RawDelivery): void {
    const id = idOf(letter)
    const found = this.#find(letter)
    if (found === undefined) return
    drop(this.#ids, id, found)
    const key = keyOf(letter)
    if (key !== undefined) drop(this.#keys, key, firstDeath(found))
  }

  /** Of those that wait, these are still there. */
  among(letters: readonly RawDelivery[]): WaitingLetters {
    return new WaitingLetters(letters.filter((letter) => this.has(letter)))
  }

  #add(letter: RawDelivery): void {
    append(this.#ids, idOf(letter), letter)
    const key = keyOf(letter)
    if (key !== undefined) append(this.#keys, key, firstDeath(letter))
  }

  #find(letter: RawDelivery): RawDelivery | undefined {
    return this.#ids.get(idOf(letter))?.find((other) => areSame(other, letter))
  }
}

/** Those of some letters that stand behind none of the others of their key. */
export function firstOfTheirKey(some: readonly RawDelivery[], all: readonly RawDelivery[]): readonly RawDelivery[] {
  const chosen = new Set(some)
  const others = new WaitingLetters(all.filter((letter) => !chosen.has(letter)))

  return some.filter((letter) => others.isNext(letter))
}

function append<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name)
  if (list) list.push(item)
  else lists.set(name, [item])
}

function drop<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name) ?? []
  list.splice(list.indexOf(item), 1)
  if (list.length === 0) lists.delete(name)
}

function firstDeath({ headers }: RawDelivery): string {
  return textUpTo(headers[header.firstDeath], 64) ?? ''
}

function keyOf({ envelope }: RawDelivery): string | undefined {
  return textUpTo(envelope.subject, 255)
}

/** A letter that a stranger wrote may have none. */
function idOf({ envelope }: RawDelivery): string {
  return textUpTo(envelope.id, 255) ?? ''
}

/** A letter is read each time that it is shown. Two that are the same in all this may take each other's place. */
function areSame(a: RawDelivery, b: RawDelivery): boolean {
  return keyOf(a) === keyOf(b) && marksOfDeath.every((name) => a.headers[name] === b.headers[name]) && Buffer.compare(a.body, b.body) === 0
}

const marksOfDeath = [header.deadTime, header.firstDeath, header.redriven]
