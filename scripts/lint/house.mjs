// @ts-check
import { readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The floors of lib, from the top down: a file imports from its own floor and from those below it.
 * A name that ends with a slash is a folder; a file named on its own counts more than its folder.
 */
const floors = {
  'own entrances': ['inspector/', 'opentelemetry/'],
  door: ['index.ts', 'oauth.ts'],
  guard: ['require-auth.ts', 'error-handler.ts'],
  routes: ['routes/'],
  use: [
    'auth.ts',
    'identify.ts',
    'tokens/refresh.ts',
    'tokens/refresh-attempt.ts',
    'tokens/refresh-claim.ts',
    'tokens/refresh-result.ts',
    'tokens/soft-window.ts',
  ],
  state: ['context.ts', 'login-loop.ts', 'transaction.ts'],
  ports: [
    'plain-userinfo.ts',
    'provider.ts',
    'provider-errors.ts',
    'provider-http.ts',
    'provider-metadata.ts',
    'client-secret.ts',
    'protocol-fetch.ts',
    'id-token.ts',
    'last-good.ts',
    'own-session.ts',
    'session.ts',
    'session-calls.ts',
    'session-content.ts',
    'session-writes.ts',
    'seal.ts',
    'stores/',
    'token-response.ts',
    'tokens/token-set.ts',
    'tokens/token-vault.ts',
    'tokens/single-flight.ts',
  ],
  rules: [
    'config.ts',
    'environment.ts',
    'option-problems.ts',
    'options.ts',
    'cookies.ts',
    'error-page.ts',
    'error-advice.ts',
    'events.ts',
    'navigation.ts',
    'flow-log.ts',
    'inspector-link.ts',
    'express-stack.ts',
    'mask.ts',
    'printable.ts',
    'warnings.ts',
    'redirect.ts',
    'return-to.ts',
    'secure-request.ts',
    'secure-url.ts',
  ],
  words: ['errors.ts', 'types.ts', 'tokens/token-store.ts'],
}

/** Packages that few files work with; the others know them by our own words. */
const owners = {
  '@opentelemetry/api': { files: ['opentelemetry/'], types: false },
  'openid-client': { files: ['provider.ts'], types: false },
  'express-session': {
    files: ['session.ts', 'own-session.ts', 'session-writes.ts', 'stores/session-records.ts'],
    types: true,
  },
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const lib = join(root, 'lib')
const floorNames = Object.keys(floors)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies }

/**
 * Index of the floor, 0 at the top.
 *
 * @param {string} file a path inside lib
 */
function floorOf(file) {
  const levels = Object.values(floors)
  const named = levels.findIndex((entries) => entries.includes(file))
  if (named >= 0) return named
  return levels.findIndex((entries) => isAmong(entries, file))
}

/**
 * @param {readonly string[]} entries files and folders
 * @param {string} file a path inside lib
 */
function isAmong(entries, file) {
  return entries.some((entry) => entry === file || (entry.endsWith('/') && file.startsWith(entry)))
}

/**
 * @param {string} file a path inside lib
 * @param {string} specifier
 * @param {boolean} typeOnly
 * @returns {string | undefined} what is wrong with the import
 */
function objection(file, specifier, typeOnly) {
  if (specifier.startsWith('node:')) return undefined
  if (specifier.startsWith('.')) return relativeObjection(file, specifier)

  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const owner = owners[/** @type {keyof typeof owners} */ (name)]
  if (owner && !isAmong(owner.files, file) && !(owner.types && typeOnly)) {
    return `Only lib/${owner.files.join(' and lib/')} works with ${name}.`
  }
  if (typeOnly || name in dependencies) return undefined
  return `${name} is no dependency of this package: what the app brings is used by its public shape.`
}

/**
 * @param {string} file
 * @param {string} specifier
 */
function relativeObjection(file, specifier) {
  const target = posix.join(posix.dirname(file), specifier)
  if (target.startsWith('../')) return 'lib imports nothing of the repository outside itself.'

  const from = floorOf(file)
  const to = floorOf(target)
  if (from < 0 || to < 0 || to >= from) return undefined
  return `Imports go down only: lib/${file} (${floorNames[from]}) is below lib/${target} (${floorNames[to]}).`
}

/** @param {{ importKind?: string, exportKind?: string, type: string, specifiers?: any[] }} node */
function isTypeOnly(node) {
  if (node.importKind === 'type' || node.exportKind === 'type') return true
  if (node.type === 'TSImportType') return true
  const kinds = node.specifiers?.map((each) => each.importKind ?? each.exportKind) ?? []
  return kinds.length > 0 && kinds.every((kind) => kind === 'type')
}

const floorsRule = {
  /** @param {any} context */
  create(context) {
    const file = relative(lib, context.filename).split(sep).join('/')
    if (file.startsWith('../')) return {}

    /** @param {any} node */
    const check = (node) => {
      if (typeof node.source?.value !== 'string') return
      const message = objection(file, node.source.value, isTypeOnly(node))
      if (message) context.report({ node: node.source, message })
    }
    return {
      /** @param {any} node */
      Program(node) {
        if (floorOf(file) >= 0) return
        context.report({
          node,
          message: `lib/${file} has no floor: name it in scripts/lint/house.mjs.`,
        })
      },
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      TSImportType: check,
    }
  },
}

export default { meta: { name: 'house' }, rules: { floors: floorsRule } }
