// @ts-check
// Imported first: an unsupported Node must get this sentence, not a syntax error from further on.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22

if (!supported) {
  console.error(
    `express-oauth-client needs Node 20.19 or newer in the 20 line, or 22.12 or newer. This is Node ${process.versions.node} (${process.execPath}).`,
  )
  process.exit(1)
}
