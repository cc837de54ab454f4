// What the compiler does not carry into the build: a script that runs in the browser, as it stands, and the web app.
import { cpSync, existsSync } from 'node:fs'

const asset = 'http/pages/graphiql.client.js'
cpSync(`src/${asset}`, `dist/${asset}`)
if (existsSync('examples/web/dist')) cpSync('examples/web/dist', 'dist/web', { recursive: true })
