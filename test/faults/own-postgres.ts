import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '@waybill/testing'
import { Client } from 'pg'
import { onTestFinished } from 'vitest'

/** A server of a test's own, that it may stop as it likes. */
export interface OwnPostgres {
  readonly url: string
  /** At once, as by a cut of its power: it recovers when it starts. */
  stop(): Promise<void>
  /** Resolves when it lets somebody in. */
  start(): Promise<void>
}

export async function ownPostgres(): Promise<OwnPostgres> {
  const port = await freePort()
  const data = join(tmpdir(), `waybill-own-postgres-${port}`)
  const setup: { madeIn(data: string, port: number): Promise<readonly [string, readonly string[]]> } = await import(new URL('../setup/postgres.mjs', import.meta.url).href)
  const [program, args] = await setup.madeIn(data, port)
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
  let server: ChildProcess | undefined

  const stop = async (): Promise<void> => {
    const running = server
    server = undefined
    if (!running) return
    const ended = once(running, 'exit')
    running.kill('SIGQUIT')
    await ended
  }
  const start = async (): Promise<void> => {
    server = spawn(program, [...args], { stdio: 'ignore' })
    await eventually(() => letsIn(url), { within: 60_000 })
  }
  onTestFinished(async () => {
    await stop()
    rmSync(data, { recursive: true, force: true })
  })
  await start()

  return { url, stop, start }
}

async function letsIn(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()

    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, 'close')

  return port
}
