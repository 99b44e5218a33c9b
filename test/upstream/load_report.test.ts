import { describe, expect, it } from 'vitest'
import { HeaderMap } from '../../src/common/header_map.ts'
import { maxUtilization, parseLoadReport } from '../../src/upstream/orca/load_report.ts'

function parse(name: string, value: string): ReturnType<typeof parseLoadReport> {
  const headers = new HeaderMap()
  headers.add(name, value)
  return parseLoadReport(headers)
}

describe('load reports', () => {
  it('as text', () => {
    const report = parse(
      'endpoint-load-metrics',
      'TEXT cpu_utilization=0.5, rps_fractional:12.5,eps=1,named_metrics.a=3',
    )
    expect(report).toMatchObject({ cpuUtilization: 0.5, rpsFractional: 12.5, eps: 1, namedMetrics: { a: 3 } })
  })

  it('as JSON, by either spelling', () => {
    const json = '{"cpu_utilization": 0.5, "rpsFractional": 7, "named_metrics": {"a": 1}, "utilization": {"disk": 0.9}}'
    expect(parse('endpoint-load-metrics', `JSON ${json}`)).toMatchObject({
      cpuUtilization: 0.5,
      rpsFractional: 7,
      namedMetrics: { a: 1 },
      utilization: { disk: 0.9 },
    })
  })

  // cpu_utilization 0.5, rps_fractional 100, eps 2 in protobuf.
  const binary = Buffer.from('09000000000000e03f310000000000005940390000000000000040', 'hex').toString('base64')

  it.each([
    ['endpoint-load-metrics-bin', binary],
    ['endpoint-load-metrics-bin', binary.replaceAll('=', '')],
    ['endpoint-load-metrics', `BIN ${binary}`],
  ])('in binary: %s', (name, value) => {
    expect(parse(name, value)).toMatchObject({ cpuUtilization: 0.5, rpsFractional: 100, eps: 2 })
  })

  it.each([
    ['endpoint-load-metrics', 'cpu_utilization=0.5'],
    ['endpoint-load-metrics', 'TEXT cpu_utilization'],
    ['endpoint-load-metrics', 'TEXT cpu_utilization=much'],
    ['endpoint-load-metrics', 'TEXT eps=1,eps=2'],
    ['endpoint-load-metrics', 'TEXT unknown=1'],
    ['endpoint-load-metrics', 'TEXT named_metrics.=1'],
    ['endpoint-load-metrics', 'JSON {'],
    ['endpoint-load-metrics', 'JSON 7'],
    ['endpoint-load-metrics-bin', 'CQA'],
    ['x-other', 'TEXT eps=1'],
  ])('not: %s: %s', (name, value) => {
    expect(parse(name, value)).toBeUndefined()
  })

  it('have a largest utilization among the named ones', () => {
    const report = parse('endpoint-load-metrics', 'TEXT cpu_utilization=0.2,named_metrics.a=0.4,named_metrics.b=0.6')
    if (report === undefined) throw new Error('no report')
    expect(maxUtilization(['cpu_utilization', 'named_metrics.a'], report)).toBe(0.4)
    expect(maxUtilization(['named_metrics.*'], report)).toBe(0.6)
    expect(maxUtilization(['utilization.a', 'nonsense'], report)).toBe(0)
  })
})
