export default {
  rootDir: '.',
  roots: ['<rootDir>/__tests__', '<rootDir>/lib'],
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  testEnvironment: '<rootDir>/__tests__/support/environment.js',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  collectCoverageFrom: ['lib/**/*.ts'],
  testTimeout: 30_000,
  // Browsers, databases and herds of processes run beside the workers.
  maxWorkers: 2,
  workerIdleMemoryLimit: '1GB',
}
