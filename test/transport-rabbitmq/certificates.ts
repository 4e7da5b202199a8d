import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Certificates for one run, and their keys. */
export interface Certificates {
  /** A path, for the broker. */
  path(name: string): string
  /** The content, for a client. */
  read(name: string): Buffer
  remove(): void
}

/** An authority `ca`; by it `server` for localhost, `expired`, `elsewhere` for another host, and the client `app1`; `self` by nobody but itself. */
export function certificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-tls-'))
  const openssl = (...args: readonly string[]) => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = (name: string) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`]
  const signed = (name: string, { host, usage, days = '2' }: { readonly host: string; readonly usage: string; readonly days?: string }) => {
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${host}\nextendedKeyUsage=${usage}\n`)
    openssl('req', ...key(name), '-subj', `/CN=${name}`, '-out', `${name}.csr`)
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', days, '-extfile', `${name}.ext`, '-out', `${name}.pem`)
  }
  openssl('req', '-x509', ...key('ca'), '-subj', '/CN=waybill-test', '-days', '2', '-out', 'ca.pem')
  openssl('req', '-x509', ...key('self'), '-subj', '/CN=self', '-days', '2', '-out', 'self.pem')
  signed('server', { host: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth' })
  signed('elsewhere', { host: 'DNS:elsewhere.example', usage: 'serverAuth' })
  signed('expired', { host: 'DNS:localhost,IP:127.0.0.1', usage: 'serverAuth', days: '-1' })
  signed('app1', { host: 'DNS:app1', usage: 'clientAuth' })

  return {
    path: (name) => join(folder, name),
    read: (name) => readFileSync(join(folder, name)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
