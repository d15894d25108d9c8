import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Certificate {
  /** PEM. */
  readonly key: string
  readonly cert: string
  /** Where `cert` is, for NODE_EXTRA_CA_CERTS. */
  readonly certFile: string
  close(): Promise<void>
}

const run = promisify(execFile)

/** A self-signed certificate for host names and 127.0.0.1, good for a day. */
export async function createCertificate(hosts: readonly string[]): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'certificate-'))
  const keyFile = join(folder, 'key.pem')
  const certFile = join(folder, 'cert.pem')
  const names = [...hosts.map((host) => `DNS:${host}`), 'IP:127.0.0.1']
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout'.split(' ')
  const certificate = '-x509 -days 1 -subj /CN=loopback -out'.split(' ')
  const hostNames = `subjectAltName=${names.join(',')}`
  const args = ['req', ...key, keyFile, ...certificate, certFile, '-addext', hostNames]
  await run('openssl', args)
  return {
    key: await readFile(keyFile, 'utf8'),
    cert: await readFile(certFile, 'utf8'),
    certFile,
    close: () => rm(folder, { recursive: true }),
  }
}
