import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Pair {
  readonly cert: string
  readonly key: string
}

/** A certificate authority, what it signed for a server and for the user "app", and stores of both for the broker. */
export interface Certificates {
  readonly ca: string
  readonly app: Pair
}

export const storePassword = 'changeit'

/** Makes everything in that folder: `server.p12` and `trust.p12`. */
export async function certificates(folder: string): Promise<Certificates> {
  const at = (name: string): string => join(folder, name)
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=ca', '-keyout', at('ca.key'), '-out', at('ca.pem')])
  await sign(folder, 'server', 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth')
  await sign(folder, 'app', 'extendedKeyUsage=clientAuth')
  const pass = `pass:${storePassword}`
  await run('openssl', ['pkcs12', '-export', '-in', at('server.pem'), '-inkey', at('server.key'), '-certfile', at('ca.pem'), '-out', at('server.p12'), '-passout', pass])
  await run('keytool', ['-importcert', '-noprompt', '-alias', 'ca', '-file', at('ca.pem'), '-keystore', at('trust.p12'), '-storetype', 'PKCS12', '-storepass', storePassword])

  return { ca: readFileSync(at('ca.pem'), 'utf8'), app: { cert: readFileSync(at('app.pem'), 'utf8'), key: readFileSync(at('app.key'), 'utf8') } }
}

async function sign(folder: string, name: string, extensions: string): Promise<void> {
  const at = (file: string): string => join(folder, file)
  writeFileSync(at(`${name}.ext`), extensions)
  await run('openssl', ['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)])
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at(`${name}.ext`)]
  await run('openssl', ['x509', '-req', '-in', at(`${name}.csr`), ...signed, '-out', at(`${name}.pem`)])
}
