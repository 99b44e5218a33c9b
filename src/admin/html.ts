// HTML of the admin interface: escaping, and a policy that lets a page run nothing but what it was served with.

import { createHash } from 'node:crypto'
import { type AdminReply, contentTypes } from './endpoint.ts'

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** What a page may do: its own inline styles and scripts, named by their hashes, and requests to its own origin. */
export function contentSecurityPolicy(styles: readonly string[], scripts: readonly string[]): string {
  return [
    "default-src 'none'",
    `style-src ${hashes(styles)}`,
    `script-src ${hashes(scripts)}`,
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
}

function hashes(texts: readonly string[]): string {
  if (texts.length === 0) return "'none'"
  return texts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ')
}

export function htmlReply(body: AdminReply['body'], policy: string): AdminReply {
  const headers = { 'content-security-policy': policy, 'x-frame-options': 'DENY', 'referrer-policy': 'same-origin' }
  return { status: 200, contentType: contentTypes.html, body, headers }
}

/** The contents of the elements of that name in a page of ours. */
export function elementTexts(html: string, name: 'style' | 'script'): string[] {
  return [...html.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, 'g'))].map(([, text]) => text)
}
