import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly devDependencies: Readonly<Record<string, string>>
}

export async function readManifest(): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
}

/** Names of development dependencies with the versions that this repository is tested with. */
export async function pinned(...names: string[]): Promise<string[]> {
  const { devDependencies } = await readManifest()
  return names.map((name) => `${name}@${devDependencies[name]}`)
}

interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly shell?: boolean
}

/** Runs a command and returns what it printed; a failure carries all of it. */
export function run(command: string, args: string[], options: RunOptions): Promise<string> {
  // What this test run was started with (NODE_OPTIONS, npm's own variables) is none of its business.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_)/i.test(name)),
  )
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, encoding: 'utf8', ...options }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      reject(new Error(`${error.message}\n${stdout}\n${stderr}`, { cause: error }))
    })
  })
}

export function npm(args: string[], cwd: string): Promise<string> {
  return run('npm', args, { cwd, shell: process.platform === 'win32' })
}

export async function temporaryFolder(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `${name}-`))
}

/** Packs the package as it would be published, from a copy, so that nobody's `dist` is touched. */
export async function pack(into: string): Promise<string> {
  const copy = join(into, 'source')
  const published = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'docs']
  const built = ['lib', 'scripts', 'tsconfig.json', 'tsconfig.build.json']
  await mkdir(copy)
  for (const name of [...published, ...built].filter((each) => existsSync(join(root, each)))) {
    await cp(join(root, name), join(copy, name), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')
  await npm(['pack', '--pack-destination', into], copy)
  await rm(copy, { recursive: true })

  const tarball = (await readdir(into)).find((name) => name.endsWith('.tgz'))
  if (!tarball) throw new Error('npm pack wrote no tarball')
  return join(into, tarball)
}

/** Makes a folder with the files and installs the packages into it. */
export async function makeProject(
  folder: string,
  files: Readonly<Record<string, string>>,
  packages: readonly string[],
): Promise<void> {
  for (const [name, text] of Object.entries({ 'package.json': '{ "private": true }', ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline']
  await npm(['install', ...quiet, ...packages], folder)
}
