// What this build calls itself, and the Envoy whose behaviour it keeps.

import { readFileSync } from 'node:fs'

/** The Envoy version that configuration, stats and admin output follow. */
export const envoyVersion = '1.40.0'

/** The package's own version: its manifest is two folders up from src/server, three from dist/src/server. */
export const nuncioVersion = readVersion()

function readVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }).version
    } catch {
      // The other layout.
    }
  }
  throw new Error('package.json was not found beside the program')
}

/** As Envoy prints it: a revision, version, source state, build type and TLS library. */
export const versionText = `nuncio/${nuncioVersion}/envoy-${envoyVersion}/node-${process.versions.node}`

/** Two processes of different text must not share sockets and memory. */
export const hotRestartVersion = `nuncio.${nuncioVersion}.1`
