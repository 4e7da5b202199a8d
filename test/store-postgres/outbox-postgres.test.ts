import { describe, expect, it } from 'vitest'
import { drain, flush, message, serverBed, write } from './bed.js'

describe('the outbox in PostgreSQL', () => {
  const bed = serverBed()

  it('messages come out in the order in which they were written, and once', async () => {
    const store = await bed.store()
    await write(store, message('a'), message('b'))
    await write(store, message('c'))

    expect(await drain(store)).toEqual(['a', 'b', 'c'])
    expect(await drain(store)).toEqual([])
  })
})
