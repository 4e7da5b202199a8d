import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from '@waybill/testing'
import { onTestFinished } from 'vitest'

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [at: number, text: string]
}

interface Target {
  readonly health: string
  readonly lastError: string
}

/** A real Prometheus, which scrapes one app twice a second and is gone after the test. */
export class OwnPrometheus {
  readonly #address: string
  #output = ''

  private constructor(port: number) {
    this.#address = `http://127.0.0.1:${port}/api/v1/`
  }

  /** Resolves when it has scraped the app twice. */
  static async start(app: URL | undefined, rules: string): Promise<OwnPrometheus> {
    const port = await freePort()
    const folder = newFolder()
    writeFileSync(join(folder, 'rules.yml'), rules)
    // JSON is YAML.
    const config = {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      rule_files: ['rules.yml'],
      scrape_configs: [{ job_name: 'waybill', static_configs: [{ targets: [app?.host] }] }],
    }
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
    const own = new OwnPrometheus(port)
    const options = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`]
    own.#watch(spawn('prometheus', [...options, '--enable-feature=exemplar-storage'], { stdio: ['ignore', 'ignore', 'pipe'] }))
    await own.#scraped()

    return own
  }

  /** What the expression is now. Rejects with what Prometheus has against it. */
  async query(expression: string): Promise<readonly Sample[]> {
    return (await this.#ask<{ readonly result: readonly Sample[] }>(`query?query=${encodeURIComponent(expression)}`)).result
  }

  /** Those that fire now. */
  async firing(): Promise<readonly string[]> {
    const { alerts } = await this.#ask<{ readonly alerts: readonly { readonly state: string; readonly labels: Readonly<Record<string, string>> }[] }>('alerts')

    return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels['alertname'] ?? '')
  }

  /** The health of each rule, and what was wrong with it. */
  async rules(): Promise<readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]> {
    const { groups } = await this.#ask<{ readonly groups: readonly { readonly rules: readonly { readonly name: string; readonly health: string }[] }[] }>('rules')

    return groups.flatMap(({ rules }) => rules)
  }

  /** The traces that belong to a metric. */
  async traces(metric: string): Promise<readonly (string | undefined)[]> {
    const minute = 60
    const now = Date.now() / 1_000
    const found = await this.#ask<readonly { readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>> }[] }[]>(
      `query_exemplars?query=${metric}&start=${now - minute}&end=${now + minute}`,
    )

    return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['trace_id']))
  }

  async #scraped(): Promise<void> {
    const isUp = async (): Promise<boolean> => {
      const { activeTargets } = await this.#ask<{ readonly activeTargets: readonly Target[] }>('targets')
      const [target] = activeTargets
      if (target?.health === 'down') throw new Error(`Prometheus cannot read what the app serves: ${target.lastError}`)

      return target?.health === 'up' && Number((await this.query('count_over_time(up[1m])'))[0]?.value[1]) >= 2
    }
    await eventually(async () => isUp().catch((error: unknown) => this.#rethrow(error)), { within: 15_000 })
  }

  /** Until it listens, nothing answers; what it answers then counts. */
  #rethrow(error: unknown): false {
    if (error instanceof TypeError) return false
    throw new Error(`${String(error)}\n${this.#output.slice(-2_000)}`)
  }

  async #ask<T>(path: string): Promise<T> {
    const response = await fetch(this.#address + path)
    const body = (await response.json()) as { readonly status: string; readonly data: T; readonly error?: string }
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`)

    return body.data
  }

  #watch(child: ChildProcess): void {
    child.stderr?.on('data', (text) => (this.#output += String(text)))
    onTestFinished(async () => {
      if (child.exitCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    })
  }
}

const execute = promisify(execFile)

/** Runs one of Prometheus's tools and resolves with what it says; rejects with that where it finds something wrong. */
export async function tool(name: 'promtool' | 'amtool', ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await execute(name, args)

  return stdout + stderr
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-prometheus-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))

  return folder
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')

  return typeof address === 'object' && address !== null ? address.port : 0
}
