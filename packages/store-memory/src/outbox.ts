import type { Lease, OutboxMessage, OutboxPage, OutboxRow, OutboxStore, PageRequest, ParkedFilter, ParkedMessage, Parking, Progress, ShardStatus } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Shard } from './database/shard.js'

/** Commits are in order here, so a page is what follows the last one: no row becomes visible behind a later one. */
export class MemoryOutbox implements OutboxStore {
  readonly #connection: Connection
  readonly #watching = new Set<() => void>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async append(messages: readonly OutboxMessage[]): Promise<void> {
    this.#connection.append(messages)
  }

  async lease(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    const shard = this.#shard(name)
    const { now } = this.#connection
    if (shard.leaseUntil > now) return undefined
    shard.owner = owner
    shard.epoch++
    shard.leaseUntil = now + ttlMs

    return { shard: name, owner, epoch: shard.epoch }
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    const shard = this.#owned(lease)
    if (shard) shard.leaseUntil = this.#connection.now + ttlMs

    return shard !== undefined
  }

  async release(lease: Lease): Promise<void> {
    const shard = this.#owned(lease)
    if (shard) shard.leaseUntil = 0
  }

  async page({ shard: name }: Lease, { rows: most, bytes: mostBytes, after }: PageRequest): Promise<OutboxPage> {
    const shard = this.#shard(name)
    const position = typeof after?.cursor === 'bigint' && after.cursor > shard.position ? after.cursor : shard.position
    if (shard.isPaused) return { rows: [], cursor: position, isLast: true, isPaused: true }

    const rows: OutboxRow[] = []
    let bytes = 0
    const from = shard.from(position)
    for (let row = shard.at(from); row && rows.length < most; row = shard.at(from + rows.length)) {
      bytes += row.body.length + row.head.length
      if (rows.length > 0 && bytes > mostBytes) break
      rows.push(row)
    }

    return { rows, cursor: rows.at(-1)?.seq ?? position, isLast: shard.at(from + rows.length) === undefined, isPaused: false }
  }

  async advance(lease: Lease, { page, done, parked }: Progress): Promise<boolean> {
    const shard = this.#owned(lease)
    if (!shard) return false
    const last = page.rows[done - 1]
    if (last && last.seq > shard.position) shard.position = last.seq
    this.#park(shard, parked)

    return true
  }

  async parkedKeys(name: string): Promise<readonly string[]> {
    return [...new Set([...this.#shard(name).parked.values()].flatMap(({ key }) => key ?? []))]
  }

  async released({ shard: name }: Lease, limit: number): Promise<readonly ParkedMessage[]> {
    const goes = new Map<string, boolean>()
    const found: ParkedMessage[] = []
    for (const parked of inOrder(this.#shard(name))) {
      const first = parked.key === undefined ? undefined : goes.get(parked.key)
      const may = (first ?? true) && (parked.isRetried || parked.code === 'BEHIND')
      if (parked.key !== undefined) goes.set(parked.key, may)
      if (may) found.push(parked)
      if (found.length === limit) break
    }

    return found
  }

  async unpark(lease: Lease, sent: readonly bigint[], failed: readonly Parking[]): Promise<boolean> {
    const shard = this.#owned(lease)
    if (!shard) return false
    for (const seq of sent) shard.parked.delete(seq)
    this.#park(shard, failed)

    return true
  }

  async parked(filter: ParkedFilter, limit: number): Promise<readonly ParkedMessage[]> {
    return this.#matching(filter)
      .map(([, parked]) => parked)
      .slice(0, limit)
  }

  async retry(filter: ParkedFilter): Promise<number> {
    const found = this.#matching(filter)
    for (const [shard, parked] of found) shard.parked.set(parked.seq, { ...parked, isRetried: true })

    return found.length
  }

  async edit(name: string, seq: bigint, { head, body }: { readonly head?: string | undefined; readonly body?: Uint8Array | undefined }): Promise<boolean> {
    const shard = this.#shard(name)
    const parked = shard.parked.get(seq)
    if (parked) shard.parked.set(seq, { ...parked, head: head ?? parked.head, body: body ?? parked.body })

    return parked !== undefined
  }

  async discard(filter: ParkedFilter): Promise<readonly ParkedMessage[]> {
    const found = this.#matching(filter)
    for (const [shard, { seq }] of found) shard.parked.delete(seq)

    return found.map(([, parked]) => parked)
  }

  async pause(name: string, isPaused: boolean): Promise<void> {
    this.#shard(name).isPaused = isPaused
  }

  async rebase(name: string): Promise<void> {
    this.#shard(name).position = 0n
  }

  async clean(): Promise<number> {
    return [...this.#connection.space.shards.values()].reduce((sum, shard) => sum + shard.clean(), 0)
  }

  async status(shards: readonly string[]): Promise<readonly ShardStatus[]> {
    const { now } = this.#connection

    return shards.map((name) => {
      const { pending, oldest, parked, isPaused, owner, epoch, leaseUntil } = this.#shard(name)

      return { shard: name, pending, oldestMs: oldest && now - oldest.storedAt, parked: parked.size, isPaused, owner: leaseUntil > now ? owner : undefined, epoch: Number(epoch) }
    })
  }

  async announce(shards: readonly string[]): Promise<void> {
    for (const watcher of [...this.#connection.space.watchers]) for (const shard of shards) watcher(shard)
  }

  watch(heard: (shard: string) => void): () => void {
    const { space, host } = this.#connection
    // As from another process: later, and never in the middle of who tells it.
    const later = (shard: string): void => host.runtime.soon(() => (space.watchers.has(later) ? heard(shard) : undefined))
    const end = (): void => {
      space.watchers.delete(later)
      this.#watching.delete(end)
    }
    space.watchers.add(later)
    this.#watching.add(end)

    return end
  }

  close(): void {
    for (const end of [...this.#watching]) end()
  }

  #shard(name: string): Shard {
    return this.#connection.space.shard(name)
  }

  /** Undefined: the lease is another's. */
  #owned({ shard: name, epoch }: Lease): Shard | undefined {
    const shard = this.#shard(name)

    return shard.epoch === epoch ? shard : undefined
  }

  #park(shard: Shard, parked: readonly Parking[]): void {
    for (const { row, code, reason } of parked) shard.parked.set(row.seq, { ...row, code, reason, parkedAt: this.#connection.now, isRetried: false })
  }

  #matching({ shard: wanted, ids, key, code }: ParkedFilter): readonly (readonly [Shard, ParkedMessage])[] {
    const { shards } = this.#connection.space
    const all = [...shards].filter(([name]) => wanted === undefined || wanted === name).flatMap(([, shard]) => inOrder(shard).map((parked) => [shard, parked] as const))

    return all.filter(([, parked]) => (!ids || ids.includes(parked.id)) && (key === undefined || parked.key === key) && (code === undefined || parked.code === code))
  }
}

function inOrder({ parked }: Shard): readonly ParkedMessage[] {
  return [...parked.values()].sort((a, b) => Number(a.seq - b.seq))
}
