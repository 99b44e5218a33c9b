import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { repository } from '../repo/sources.ts'
import { askEnvoy, bootstrapFiles, type Comparison, compare, compareFolder, readVerdicts } from './corpus.ts'
import { renderDisagreements, renderTable } from './report.ts'

const own = join(import.meta.dirname, 'bootstraps')
/** Real bootstraps of other projects, which are not ours to ship: where there are some they stand beside the checkout. */
const shared = join(repository, '../shared/corpus')

const said = (accepts: boolean, ...messages: string[]) => ({ accepts, messages, needsFiles: false })
const lacking = "1:1 a: field 'x' is known to Envoy but not supported by Nuncio (m.x)"

describe('a bootstrap', () => {
  it.each<[string, boolean, string[], Comparison['outcome'], boolean]>([
    ['that both accept', true, [], 'accepted', true],
    ['that both refuse', false, ['1:1 a: wrong'], 'refused', true],
    ['that only Nuncio accepts', false, [], 'accepted', false],
    ['that only Nuncio refuses', true, ['1:1 a: wrong'], 'refused', false],
    ['that needs what Nuncio lacks', true, [lacking], 'beyond reach', true],
    ['that is wrong and needs what Nuncio lacks', false, [lacking, '1:1 a: wrong'], 'refused', true],
    ['in which Nuncio finds more than what it lacks', true, [lacking, '1:1 a: wrong'], 'refused', false],
    [
      "that is refused in Envoy's own words",
      true,
      ['1:1 a: partial wildcards are not supported in x'],
      'refused',
      false,
    ],
  ])('%s', (_what, envoyAccepts, messages, outcome, agrees) => {
    const comparison = compare('x.yaml', said(envoyAccepts), said(messages.length === 0, ...messages))
    expect(comparison).toMatchObject({ outcome, agrees })
  })

  it('may name files that were there when Envoy was asked', () => {
    const nuncio = said(false, '1:1 a: Invalid path: /etc/cert.pem')
    expect(compare('x.yaml', { ...said(true), needsFiles: true }, nuncio)).toMatchObject({ agrees: true })
    expect(compare('x.yaml', said(true), nuncio)).toMatchObject({ agrees: false })
  })

  it('that breaks Nuncio is a disagreement even where Envoy refuses it', () => {
    expect(compare('x.yaml', said(false), said(false, 'crashed: Error'))).toMatchObject({ agrees: false })
  })
})

describe.each([own, shared])('the bootstraps of %s', (folder) => {
  it.skipIf(!existsSync(folder))('are judged as Envoy judges them', { timeout: 240_000 }, () => {
    const comparisons = compareFolder(folder)
    expect(renderDisagreements(comparisons)).toBe('')
    expect(comparisons.filter(({ outcome }) => outcome === 'accepted').length).toBeGreaterThan(3)
    expect(comparisons.filter(({ outcome }) => outcome === 'refused').length).toBeGreaterThan(3)
    expect(renderTable(comparisons)).toContain('Envoy: accepted')
  })
})

describe('verdicts.tsv of the own bootstraps', () => {
  const verdicts = readVerdicts(own)

  it('names every one', () => {
    expect([...verdicts.keys()]).toEqual(bootstrapFiles(own))
  })

  it.each([...verdicts])('is what Envoy says of %s', (file, verdict) => {
    expect(askEnvoy(join(own, file)).accepts).toBe(verdict.accepts)
  })
})

describe('the command', () => {
  const folders: string[] = []
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })

  function runOn(file: string, verdict: 'yes' | 'no') {
    const folder = mkdtempSync(join(tmpdir(), 'corpus-'))
    folders.push(folder)
    copyFileSync(join(own, file), join(folder, file))
    writeFileSync(join(folder, 'verdicts.tsv'), `path\tenvoy\treason\n${file}\t${verdict}\tas Envoy said\n`)
    return spawnSync(process.execPath, [join(import.meta.dirname, 'run.ts'), folder], { encoding: 'utf8' })
  }

  it('ends with 0 where all agree, with 1 and both verdicts where not', () => {
    expect(runOn('tcp.json', 'yes').status).toBe(0)
    const { status, stdout } = runOn('bad_regex.yaml', 'yes')
    expect(status).toBe(1)
    expect(stdout).toContain('1 disagreements\nbad_regex.yaml\n  Envoy accepts\n    as Envoy said\n  Nuncio refuses\n')
    expect(stdout).toContain('missing ): /(a')
  })
})
