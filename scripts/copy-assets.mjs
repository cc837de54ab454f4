// What the compiler does not carry into the build: a script that runs in the browser, as it stands.
import { cpSync } from 'node:fs'

const asset = 'http/pages/graphiql.client.js'
cpSync(`src/${asset}`, `dist/${asset}`)
