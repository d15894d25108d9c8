// @ts-check

/**
 * @typedef {object} User
 * @property {string} id
 * @property {string} name
 * @property {string} email
 * @property {string[]} roles
 * @property {string} password
 */

/** A demonstration: the passwords are meant to be seen. @type {User[]} */
export const users = [
  {
    id: 'ada',
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    roles: [],
    password: 'analytical-engine',
  },
  {
    id: 'grace',
    name: 'Grace Hopper',
    email: 'grace@example.com',
    roles: ['admin'],
    password: 'first-compiler',
  },
]

/** @param {string | undefined} id */
export function findUser(id) {
  return users.find((user) => user.id === id)
}

/** @param {unknown} id @param {unknown} password */
export function checkPassword(id, password) {
  return users.find((user) => user.id === id && user.password === password)
}
