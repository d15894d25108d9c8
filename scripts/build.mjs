// @ts-check
import './node-version.mjs'
import { build } from './package-build.mjs'

build()
