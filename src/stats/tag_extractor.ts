/** Tags taken out of stat names: the parts that vary become labels, what remains is the metric's own name. */

export interface Tag {
  readonly name: string
  readonly value: string
}

/** A stat name taken apart. */
export interface TaggedName {
  /** The name without the parts that became tags. */
  readonly extractedName: string
  readonly tags: readonly Tag[]
}

/** Where a capture group matched, as offsets; undefined for a group that took no part. */
export type RegexGroup = readonly [start: number, end: number] | undefined

/** A compiled regular expression. `find` gives the groups of the first match, the whole match being group 0. */
export interface TagRegex {
  find(text: string): readonly RegexGroup[] | undefined
}

/** Adds its tag and the part of the name to cut out, if the name has it. */
export interface TagExtractor {
  readonly tagName: string
  /** First dot-separated token that a name must have; undefined if any name may match. */
  readonly prefix: string | undefined
  extract(name: string, tokens: readonly string[], tags: Tag[], cuts: [start: number, end: number][]): void
}

export interface RegexExtractorOptions {
  /** A text that every matching name holds: names without it are not tried. */
  readonly substring?: string
  /** A value that is no tag. */
  readonly exceptValue?: string
}

/**
 * Envoy's rule for a tag's regex: the first capture group is cut out of the name, the second is the value; where there is
 * one group it is both. A group that exists and took no part in the match gives an empty text.
 */
export function createRegexExtractor(
  tagName: string,
  pattern: string,
  regex: TagRegex,
  options: RegexExtractorOptions = {},
): TagExtractor {
  const { substring, exceptValue } = options
  return {
    tagName,
    prefix: regexPrefix(pattern),
    extract(name, _tokens, tags, cuts) {
      if (substring !== undefined && !name.includes(substring)) return
      const groups = regex.find(name)
      if (groups === undefined || groups.length < 2) return
      const cut = groups[1]
      const valueGroup = groups.length > 2 ? groups[2] : cut
      const value = valueGroup === undefined ? '' : name.slice(valueGroup[0], valueGroup[1])
      if (value === exceptValue) return
      tags.push({ name: tagName, value })
      if (cut !== undefined) cuts.push([cut[0], cut[1]])
    },
  }
}

/**
 * A pattern of dot-separated tokens: `$` is the one token that becomes the value, `*` any one token, `**` one token or
 * more. The value is cut out with the dot that follows it.
 */
export function createTokenExtractor(tagName: string, pattern: string): TagExtractor {
  const wanted = pattern.split('.')
  return {
    tagName,
    prefix: wanted[0] === '$' || wanted[0] === '*' || wanted[0] === '**' ? undefined : wanted[0],
    extract(name, tokens, tags, cuts) {
      const at = matchTokens(wanted, 0, tokens, 0)
      if (at === undefined || at < 0) return
      let start = 0
      for (let i = 0; i < at; i++) start += tokens[i].length + 1
      const end = start + tokens[at].length
      tags.push({ name: tagName, value: tokens[at] })
      cuts.push(end < name.length ? [start, end + 1] : [Math.max(0, start - 1), end])
    },
  }
}

/** A tag that every stat has. */
export function createFixedExtractor(tagName: string, value: string): TagExtractor {
  const tag = { name: tagName, value }
  return {
    tagName,
    prefix: undefined,
    extract(_name, _tokens, tags) {
      tags.push(tag)
    },
  }
}

/** Index of the token that `$` matched, -1 if the pattern matches and the `$` lies before `wantedAt`; undefined if none. */
function matchTokens(
  wanted: readonly string[],
  wantedAt: number,
  tokens: readonly string[],
  tokenAt: number,
): number | undefined {
  if (wantedAt === wanted.length) return tokenAt === tokens.length ? -1 : undefined
  const want = wanted[wantedAt]
  if (want === '**') {
    for (let skip = tokenAt + 1; skip <= tokens.length; skip++) {
      const rest = matchTokens(wanted, wantedAt + 1, tokens, skip)
      if (rest !== undefined) return rest
    }
    return undefined
  }
  if (tokenAt === tokens.length) return undefined
  if (want !== '*' && want !== '$' && want !== tokens[tokenAt]) return undefined
  const rest = matchTokens(wanted, wantedAt + 1, tokens, tokenAt + 1)
  return rest === -1 && want === '$' ? tokenAt : rest
}

/** The literal token that a regex of the form `^token\.`, `^token(?=\.)` or `^token$` begins with. */
function regexPrefix(pattern: string): string | undefined {
  return /^\^([A-Za-z0-9_]+)(?:\\\.|\(\?=\\\.\)|\$$)/.exec(pattern)?.[1]
}

/** An extractor, and whether another one has its tag's name: only then must be looked whether the tag is there already. */
interface Step {
  readonly extractor: TagExtractor
  readonly isRepeated: boolean
}

/** All tag extractors of a configuration, in the order whose tags Envoy prints. */
export class TagProducer {
  readonly #anyPrefix: readonly Step[]
  readonly #byPrefix = new Map<string, Step[]>()

  constructor(extractors: readonly TagExtractor[]) {
    const steps = extractors.map((extractor) => ({
      extractor,
      isRepeated: extractors.some((other) => other !== extractor && other.tagName === extractor.tagName),
    }))
    this.#anyPrefix = steps.filter((step) => step.extractor.prefix === undefined)
    for (const step of steps) {
      const { prefix } = step.extractor
      if (prefix === undefined) continue
      const list = this.#byPrefix.get(prefix)
      if (list === undefined) this.#byPrefix.set(prefix, [step])
      else list.push(step)
    }
  }

  /** Every extractor sees the whole name; what they cut is taken out together at the end. The first of a tag's name wins. */
  produce(name: string): TaggedName {
    const tokens = name.split('.')
    const tags: Tag[] = []
    const cuts: [number, number][] = []
    runSteps(this.#anyPrefix, name, tokens, tags, cuts)
    const prefixed = this.#byPrefix.get(tokens[0])
    if (prefixed !== undefined) runSteps(prefixed, name, tokens, tags, cuts)
    return { extractedName: cutOut(name, cuts), tags }
  }
}

function runSteps(
  steps: readonly Step[],
  name: string,
  tokens: readonly string[],
  tags: Tag[],
  cuts: [start: number, end: number][],
): void {
  for (const { extractor, isRepeated } of steps) {
    if (isRepeated && tags.some((tag) => tag.name === extractor.tagName)) continue
    extractor.extract(name, tokens, tags, cuts)
  }
}

function cutOut(name: string, cuts: [number, number][]): string {
  if (cuts.length === 0) return name
  cuts.sort((a, b) => a[0] - b[0])
  let kept = ''
  let at = 0
  for (const [start, end] of cuts) {
    if (start > at) kept += name.slice(at, start)
    at = Math.max(at, end)
  }
  return kept + name.slice(at)
}
