import type { ConnectionOptions } from 'node:tls'
import { type Fault, suggest, unknownOptions } from '@waybill/core'

/** Who this app is, to the broker. Never printed. */
export type KafkaLogin =
  | { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string }
  /** `token` is asked for each connection, and again before the broker ends a session. */
  | { readonly mechanism: 'oauthbearer'; readonly token: () => string | Promise<string> }

/** TLS: `true`, or what `tls.connect` takes: `ca`, and for mutual TLS `cert` and `key`. */
export type KafkaTls = boolean | ConnectionOptions

const named = ['plain', 'scram-sha-256', 'scram-sha-512']
const mechanisms = [...named, 'oauthbearer']

/** What is wrong with it. Says no value but the mechanism. */
export function faultsOfLogin(found: unknown): readonly Fault[] {
  if (found === undefined) return []
  const fault = (message: string): Fault => ({ code: 'KAFKA_SASL', message: `kafka() option "sasl" ${message}` })
  if (!isRecord(found)) return [fault(`is an object with a "mechanism". Found something of type ${found === null ? 'null' : typeof found}.`)]
  const { mechanism } = found
  if (typeof mechanism !== 'string' || !mechanisms.includes(mechanism)) {
    const said = typeof mechanism === 'string' ? `"${mechanism.slice(0, 40)}"` : 'none'

    return [
      fault(
        `needs one of the mechanisms ${mechanisms.map((one) => `"${one}"`).join(', ')}. Found ${said}.${typeof mechanism === 'string' ? suggest(mechanism.toLowerCase(), mechanisms) : ''}`,
      ),
    ]
  }
  const wanted = named.includes(mechanism) ? { username: 'string', password: 'string' } : { token: 'function' }
  const missing = Object.entries(wanted).filter(([name, type]) => typeof found[name] !== type || found[name] === '')

  return [
    ...unknownOptions('kafka() option "sasl"', found, ['mechanism', ...Object.keys(wanted)]),
    ...missing.map(([name, type]) =>
      fault(`with the mechanism "${mechanism}" needs "${name}", a ${type === 'string' ? 'text that is not empty' : 'function that gives a token'}.`),
    ),
  ]
}

export function faultsOfTls(found: unknown): readonly Fault[] {
  if (found === undefined || typeof found === 'boolean' || isRecord(found)) return []

  return [
    { code: 'KAFKA_SSL', message: `kafka() option "ssl" is true, false or an object as tls.connect takes it. Found something of type ${found === null ? 'null' : typeof found}.` },
  ]
}

function isRecord(found: unknown): found is Readonly<Record<string, unknown>> {
  return typeof found === 'object' && found !== null && !Array.isArray(found)
}
