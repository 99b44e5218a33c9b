// /: the home page, one form an endpoint.

import { envoyVersion, nuncioVersion } from '../../server/version.ts'
import type { AdminEndpoint, AdminParam } from '../endpoint.ts'
import { contentSecurityPolicy, escapeHtml, htmlReply } from '../html.ts'

const style =
  'body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}td,th{text-align:left;padding:4px 12px 4px 4px}' +
  'tbody tr:nth-child(odd){background:#f2f2f2}form{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:0}' +
  'label{color:#555;font-size:smaller}button{font:inherit}'
const policy = contentSecurityPolicy([style], [])

export function homeEndpoint(endpoints: () => readonly AdminEndpoint[]): AdminEndpoint {
  return {
    path: '/',
    help: 'this page',
    mutates: false,
    params: [],
    answer: () => htmlReply(page(endpoints().filter(({ path }) => path !== '/')), policy),
  }
}

function page(endpoints: readonly AdminEndpoint[]): string {
  return [
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Nuncio admin</title>',
    `<style>${style}</style>\n</head>\n<body>`,
    `<h1>Nuncio ${escapeHtml(nuncioVersion)}</h1>\n<p>Admin interface, as of Envoy ${envoyVersion}</p>`,
    '<table>\n<thead><tr><th>Command</th><th>Description</th></tr></thead>\n<tbody>',
    ...endpoints.map(row),
    '</tbody>\n</table>\n</body>\n</html>\n',
  ].join('\n')
}

/** Paths are relative, so that the page works behind a prefix too. */
function row({ path, help, mutates, params }: AdminEndpoint): string {
  const name = escapeHtml(path.slice(1))
  const command =
    params.length === 0 && !mutates
      ? `<a href="${name}">${name}</a>`
      : `<form action="${name}" method="${mutates ? 'post' : 'get'}"><button>${name}</button>${params.map(field).join('')}</form>`
  return `<tr><td>${command}</td><td>${escapeHtml(help)}</td></tr>`
}

function field({ name, kind, help, choices }: AdminParam): string {
  const title = `<label title="${escapeHtml(help)}">${escapeHtml(name)} `
  if (kind === 'flag') return `${title}<input type="checkbox" name="${name}" value="on"></label>`
  if (kind === 'text') return `${title}<input type="text" name="${name}"></label>`
  const options = (choices ?? []).map((choice) => `<option>${escapeHtml(choice)}</option>`).join('')
  return `${title}<select name="${name}">${options}</select></label>`
}
