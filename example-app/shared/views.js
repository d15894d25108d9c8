// @ts-check
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Eta } from 'eta'
import express from 'express'

const views = fileURLToPath(new URL('../views', import.meta.url))
const files = fileURLToPath(new URL('../public', import.meta.url))
const eta = new Eta({ views, cache: true })

/**
 * The page of that name as HTML; what is put into it is escaped.
 *
 * @param {string} name
 * @param {object} data
 */
export function page(name, data) {
  return eta.render(name, data)
}

/**
 * Makes `res.render()` find the pages, and serves the style sheet and the scripts.
 *
 * @param {import('express').Express} app
 */
export function useViews(app) {
  app.engine('eta', (file, data, done) => {
    try {
      done(null, page(basename(file, '.eta'), data))
    } catch (error) {
      done(error)
    }
  })
  app.set('views', views)
  app.set('view engine', 'eta')
  app.use(express.static(files, { index: false, maxAge: '5 min' }))
}
