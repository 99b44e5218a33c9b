/** What operators get wrong, and the place and advice they are given. */
import { describe, expect, test } from 'vitest'
import { load } from './loading.ts'

interface Mistake {
  name: string
  yaml: string
  /** Line, column, and a part of the message of each error, in order. */
  errors: [line: number, column: number, message: string][]
  suggestion?: string
  expected?: string
}

const mistakes: Mistake[] = [
  {
    name: 'a line indented too little',
    yaml: 'admin:\n  address:\n    socket_address:\n      address: 127.0.0.1\n     port_value: 1\n',
    errors: [[5, 6, 'All mapping items must start at the same column']],
  },
  {
    name: 'a field one level too high',
    yaml: 'admin:\n  address:\n  socket_address: { port_value: 1 }\n',
    errors: [[3, 3, "unknown field 'socket_address'"]],
  },
  { name: 'a tab', yaml: 'admin:\n\taddress: {}\n', errors: [[2, 1, 'Tabs are not allowed as indentation']] },
  {
    name: 'a quote never closed',
    yaml: 'node:\n  id: "abc\n  cluster: d\n',
    errors: [[2, 7, 'Missing closing "quote']],
  },
  { name: 'two colons', yaml: 'node:\n  id: a: b\n', errors: [[2, 7, 'Nested mappings are not allowed']] },
  { name: 'no colon', yaml: 'node:\n  id abc\n', errors: [[2, 3, 'expected a map, got the string "id abc"']] },
  {
    name: 'no space behind a dash',
    yaml: 'static_resources:\n  clusters:\n  -name: c\n',
    errors: [[3, 3, "unknown field '-name'"]],
    expected: "a space behind the '-' of a list's element",
  },
  { name: 'a bracket missing', yaml: 'node: { id: [a }\n', errors: [[1, 16, 'Flow sequence must end with a ]']] },
  { name: 'an anchor that is none', yaml: 'node: { id: *x }\n', errors: [[1, 13, 'anchor is not defined: x']] },
  {
    name: 'a merge key',
    yaml: 'node:\n  <<: { id: a }\n',
    errors: [[2, 3, "unknown field '<<'"]],
    expected: 'no merge keys, which Envoy does not take either: an alias (*name) must be the whole value',
  },
  {
    name: 'a misspelt field',
    yaml: 'node: { clustr: c }\n',
    errors: [[1, 9, "unknown field 'clustr'"]],
    suggestion: 'cluster',
  },
  {
    name: 'a misspelt enum value',
    yaml: 'static_resources: { clusters: [ { name: c, type: STRICT_DSN } ] }\n',
    errors: [[1, 50, 'unknown enum value: the string "STRICT_DSN"']],
    suggestion: 'STRICT_DNS',
  },
  {
    name: 'milliseconds',
    yaml: 'static_resources: { clusters: [ { name: c, connect_timeout: 250ms } ] }\n',
    errors: [[1, 61, 'invalid duration: the string "250ms"']],
    suggestion: '0.25s',
  },
  {
    name: 'a duration without its unit',
    yaml: 'static_resources: { clusters: [ { name: c, connect_timeout: 5 } ] }\n',
    errors: [[1, 61, 'invalid duration: the number 5']],
    suggestion: '5s',
  },
  {
    name: 'a word for a number',
    yaml: 'admin: { address: { socket_address: { address: 127.0.0.1, port_value: http } } }\n',
    errors: [[1, 71, 'invalid number: the string "http"']],
  },
  {
    name: 'a port too large',
    yaml: 'admin: { address: { socket_address: { address: 127.0.0.1, port_value: 70000 } } }\n',
    errors: [[1, 71, 'less than or equal to 65535']],
  },
  {
    name: 'a word that YAML reads as a boolean',
    yaml: 'node:\n  id: yes\n',
    errors: [[2, 7, 'expected a string, got the boolean true']],
    suggestion: '"yes"',
  },
  {
    name: 'two members of a oneof',
    yaml: 'static_resources:\n  clusters:\n  - name: c\n    type: STATIC\n    cluster_type: { name: x }\n',
    errors: [[5, 5, "'cluster_type' cannot be set together with 'type'"]],
  },
  {
    name: 'a list for a map',
    yaml: 'node: [ { id: a } ]\n',
    errors: [[1, 7, 'expected a map, got a list']],
  },
  {
    name: 'a text for a message that must have a field',
    yaml: 'static_resources: { clusters: [ { name: c, load_assignment: c } ] }\n',
    errors: [[1, 61, 'expected a map, got the string "c"']],
  },
  {
    name: 'an unset field that is required',
    yaml: 'static_resources:\n  clusters:\n  - connect_timeout: 1s\n',
    errors: [[3, 5, 'Cluster.name: value length must be at least 1 characters']],
  },
  {
    name: 'several at once',
    yaml: 'node: { id: a, clustr: b }\nadmin:\n  adress: {}\nstats_flush_interval: 1m\n',
    errors: [
      [1, 16, "unknown field 'clustr'"],
      [3, 3, "unknown field 'adress'"],
      [4, 23, 'invalid duration'],
    ],
  },
]

describe('mistakes', () => {
  for (const { name, yaml, errors, suggestion, expected } of mistakes) {
    test(name, () => {
      const found = load(yaml).errors
      expect(found.map(({ line, column }) => [line, column])).toEqual(errors.map(([line, column]) => [line, column]))
      for (const [index, [, , message]] of errors.entries()) expect(found[index].message).toContain(message)
      if (suggestion !== undefined) expect(found[0].suggestion).toBe(suggestion)
      if (expected !== undefined) expect(found[0].expected).toBe(expected)
    })
  }
})
