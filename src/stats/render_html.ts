/** `/stats?format=html` and `active-html`: a form with the query's parameters over the stats, or over a table that refreshes. */
import type { StatsSnapshot } from './reader.ts'
import type { RenderOptions, StatsType } from './render_options.ts'
import { renderText } from './render_text.ts'

const STYLE =
  'body{font-family:sans-serif}form{margin-bottom:1em}label{margin-right:1em}td{padding-right:1em}' +
  'table{font-family:monospace;border-collapse:collapse}.number{text-align:right}'

// Counts how often each stat changed, and keeps those that change most on top.
const ACTIVE_SCRIPT = `
const table = document.getElementById('active-stats')
const seen = new Map()
function show(stats) {
  for (const { name, value } of stats) {
    if (name === undefined) continue
    const known = seen.get(name)
    if (known === undefined) seen.set(name, { value, changes: 0 })
    else if (known.value !== value) seen.set(name, { value, changes: known.changes + 1 })
  }
  const rows = [...seen].sort((a, b) => b[1].changes - a[1].changes || (a[0] < b[0] ? -1 : 1)).slice(0, 50)
  table.replaceChildren(...rows.map(([name, { value, changes }]) => {
    const row = document.createElement('tr')
    for (const text of [value, changes, name]) row.insertCell().textContent = text
    return row
  }))
}
async function refresh() {
  const query = new URLSearchParams(location.search)
  query.set('format', 'json')
  const problem = document.getElementById('problem')
  try {
    show((await (await fetch('?' + query)).json()).stats)
    problem.textContent = ''
  } catch (error) {
    problem.textContent = String(error)
  }
  setTimeout(refresh, 5000)
}
refresh()
`

export function* renderHtml(selected: StatsSnapshot, options: RenderOptions): Iterable<string> {
  yield `<!DOCTYPE html>\n<html lang="en">\n<head>\n<title>Stats</title>\n<style>${STYLE}</style>\n</head>\n<body>\n`
  yield renderForm(options)
  if (options.format === 'active-html') {
    yield '<div id="problem"></div>\n<table><thead><tr><th>Value</th><th>Changes</th><th>Name</th></tr></thead>'
    yield `<tbody id="active-stats"></tbody></table>\n<script>${ACTIVE_SCRIPT}</script>\n`
  } else {
    yield '<pre>\n'
    yield* renderSections(selected, options)
    yield '</pre>\n'
  }
  yield '</body>\n</html>\n'
}

function* renderSections(selected: StatsSnapshot, options: RenderOptions): Iterable<string> {
  const shown = selected.textReadouts.length + selected.counters.length + selected.gauges.length
  if (shown + selected.histograms.length === 0) yield '<i>No stats found</i>\n'
  for (const line of renderText(selected, options.histogramBuckets ?? 'summary')) yield escapeHtml(line)
}

function renderForm(options: RenderOptions): string {
  const types: StatsType[] = ['All', 'Counters', 'Gauges', 'Histograms', 'TextReadouts']
  const modes = ['summary', 'cumulative', 'disjoint', 'detailed']
  const filter = escapeHtml(options.filterText ?? '')
  return [
    '<form action="" method="get">',
    `<label><input type="checkbox" name="usedonly"${options.usedOnly ? ' checked' : ''}> only used</label>`,
    `<label>Filter <input type="text" name="filter" value="${filter}" placeholder="RE2 regex"></label>`,
    selectField('format', ['html', 'active-html', 'text', 'json', 'prometheus'], options.format),
    selectField('type', types, options.type),
    selectField('histogram_buckets', modes, options.histogramBuckets ?? 'summary'),
    '<button type="submit">Show</button>',
    '</form>\n',
  ].join('\n')
}

function selectField(name: string, values: readonly string[], chosen: string): string {
  const items = values.map((value) => `<option${value === chosen ? ' selected' : ''}>${value}</option>`)
  return `<label>${name} <select name="${name}">${items.join('')}</select></label>`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
