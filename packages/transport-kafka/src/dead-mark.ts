/** The broker keeps 4,096 bytes beside an offset. */
const maxNoteBytes = 3_900
const roomOfOneGap = 24
const version = 'w1'

/**
 * Which dead letters of a topic are handled: all below `from`, and single ones above it. Stands beside a committed
 * offset as text: `w1:4+2,9` is offsets 4, 5, 6 and 9 behind `from`, in base 36.
 */
export class DeadMark {
  #from: number
  readonly #handled = new Set<number>()

  constructor(from: number, note = '') {
    this.#from = from
    const [found, list = ''] = note.split(':')
    if (found !== version) return
    for (const range of list.split(',').filter(Boolean)) this.#read(range, from)
  }

  get from(): number {
    return this.#from
  }

  /** One more gap may not fit beside the offset. */
  get isFull(): boolean {
    return this.note.length + roomOfOneGap > maxNoteBytes
  }

  get note(): string {
    const parts: string[] = []
    let start: number | undefined
    let end = 0
    for (const offset of [...this.#handled].sort((a, b) => a - b)) {
      if (start !== undefined && offset === end + 1) end = offset
      else {
        if (start !== undefined) parts.push(this.#range(start, end))
        start = offset
        end = offset
      }
    }
    if (start !== undefined) parts.push(this.#range(start, end))

    return `${version}:${parts.join(',')}`
  }

  has(offset: number): boolean {
    return offset < this.#from || this.#handled.has(offset)
  }

  add(offset: number): void {
    if (offset >= this.#from) this.#handled.add(offset)
    while (this.#handled.delete(this.#from)) this.#from++
  }

  /** Takes what is handled by either. */
  merge(other: DeadMark): void {
    if (other.#from > this.#from) this.#advance(other.#from)
    for (const offset of other.#handled) this.add(offset)
  }

  #advance(from: number): void {
    this.#from = from
    for (const offset of this.#handled) if (offset < from) this.#handled.delete(offset)
    while (this.#handled.delete(this.#from)) this.#from++
  }

  #read(range: string, from: number): void {
    const [start = '', more = '0'] = range.split('+')
    const first = from + parseInt(start, 36)
    for (let offset = first; offset <= first + parseInt(more, 36); offset++) this.add(offset)
  }

  #range(start: number, end: number): string {
    const first = (start - this.#from).toString(36)

    return end === start ? first : `${first}+${(end - start).toString(36)}`
  }
}
