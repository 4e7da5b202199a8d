import { describeFound, type Fault, unknownOptions } from '@waybill/core'
import type { ConnectionOptions } from 'node:tls'
import { Management, type Password } from './management.js'

export interface ManagementOptions {
  /** `http://` or `https://`, where the plugin `rabbitmq_management` listens: mostly port 15672. */
  readonly url: string
  /** Of a user with the tag `management`. Default: what the url says, else the name and password of the connections. */
  readonly credentials?: Password | (() => Password | Promise<Password>)
  /** Passed to `https.request` as it is. */
  readonly tls?: ConnectionOptions
}

/** The options that decide about the HTTP API: its own, and those of the connections that it falls back to. */
export interface ManagementParts {
  readonly management?: unknown
  /** Of the connections: what stands in for the HTTP API's own. */
  readonly login: unknown
  readonly timeoutMs: number
}

const known = ['url', 'credentials', 'tls']

/** Undefined where there is none, or a fault. No fault shows the name and password of an url. */
export function resolveManagement({ login, management, timeoutMs }: ManagementParts, faults: Fault[]): Management | undefined {
  if (management === undefined) return undefined
  if (typeof management !== 'object' || management === null) {
    faults.push(
      wrong(
        `option "management" takes { url, credentials, tls }, the HTTP API of the plugin "rabbitmq_management"; found ${describeFound(management)}. Write management: { url: "http://127.0.0.1:15672" }.`,
      ),
    )
    return undefined
  }
  const options = management as Partial<ManagementOptions>
  const url = urlOf(options.url)
  faults.push(...unknownOptions('rabbitmq() `management`', options, known))
  if (!url) faults.push(wrong(`option "management.url" takes an url such as http://127.0.0.1:15672, special characters percent-encoded; found ${describeFound(options.url)}.`))
  const own = ownLogin(options.credentials, url)
  const password = passwordOf(own ?? login)
  if (!password) {
    faults.push(
      wrong(
        own === undefined
          ? 'option "management" needs "credentials" { username, password } of its own, since those of the connections are no name and password.'
          : `option "management.credentials" takes { username, password }, both strings, or a function that returns them; found ${kindOfLogin(own)}.`,
      ),
    )
  }

  return url && password && new Management({ base: bare(url), password, tls: options.tls, timeoutMs })
}

function urlOf(found: unknown): URL | undefined {
  if (typeof found !== 'string' || !URL.canParse(found)) return undefined
  const url = new URL(found)

  return ['http:', 'https:'].includes(url.protocol) && loginIn(url) ? url : undefined
}

function ownLogin(stated: unknown, url: URL | undefined): unknown {
  if (stated !== undefined || !url || url.username === '') return stated

  return loginIn(url)
}

/** Name and password as an url says them; undefined where they are wrongly encoded. */
export function loginIn({ password, username }: URL): Password | undefined {
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) }
  } catch {
    // The fault is told by whoever takes the url itself.
    return undefined
  }
}

function passwordOf(found: unknown): (() => Promise<Password>) | undefined {
  if (typeof found === 'function') return async () => asked(await (found as () => unknown)())

  return isPassword(found) ? () => Promise.resolve(found) : undefined
}

function asked(found: unknown): Password {
  if (isPassword(found)) return found
  throw new Error('the function that knows the credentials returned no { username, password }')
}

function isPassword(found: unknown): found is Password {
  const { username, password } = (typeof found === 'object' && found !== null ? found : {}) as { username?: unknown; password?: unknown }

  return typeof username === 'string' && typeof password === 'string'
}

/** Of what was given as a login, never what it says. */
export function kindOfLogin(found: unknown): string {
  if (typeof found === 'string') return 'a text'
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return describeFound(found)
  const { username, password } = found as { username?: unknown; password?: unknown }
  const kinds = Object.entries({ username, password }).map(([name, value]) => `${name} ${value === undefined ? 'is missing' : `is a ${typeof value}`}`)

  return `an object whose ${kinds.join(' and whose ')}`
}

function bare(url: URL): URL {
  const base = new URL(url)
  base.username = ''
  base.password = ''

  return base
}

function wrong(text: string): Fault {
  return { code: 'RABBITMQ_OPTION', message: `rabbitmq(): ${text}` }
}
