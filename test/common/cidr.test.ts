import { describe, expect, it } from 'vitest'
import { CidrRange, CidrSet, CidrTable, formatIp, isLoopback, parseIp } from '../../src/common/cidr.ts'

const ip = (text: string) => parseIp(text)!
const range = (text: string) => CidrRange.parse(text)!

describe('parseIp and formatIp', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['255.255.255.255', '255.255.255.255'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::', '::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:10.1.2.3', '::ffff:10.1.2.3'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['1::', '1::'],
  ])('%s is %s', (text, canonical) => {
    expect(formatIp(ip(text))).toBe(canonical)
  })

  it.each(['', 'localhost', '1.2.3', '1.2.3.256', '1.2.3.4.5', ':::', '1:2:3', '[::1]', '1.2.3.4/8'])(
    '%j is no address',
    (text) => {
      expect(parseIp(text)).toBeUndefined()
    },
  )

  it('knows loopback in both families', () => {
    expect(['127.0.0.1', '::1'].every((text) => isLoopback(ip(text)))).toBe(true)
    expect(['127.9.9.9', '128.0.0.1', '::2', '::', '10.0.0.1'].some((text) => isLoopback(ip(text)))).toBe(false)
  })
})

describe('CidrRange', () => {
  it('contains what shares its prefix, whatever its other bits', () => {
    expect(range('10.1.2.3/8').contains(ip('10.255.0.1'))).toBe(true)
    expect(range('10.0.0.0/8').contains(ip('11.0.0.0'))).toBe(false)
    expect(range('2001:db8::/33').contains(ip('2001:db8:7fff::1'))).toBe(true)
    expect(range('2001:db8::/33').contains(ip('2001:db8:8000::'))).toBe(false)
    expect(range('0.0.0.0/0').contains(ip('200.1.1.1'))).toBe(true)
    expect(range('1.2.3.4/32').contains(ip('1.2.3.5'))).toBe(false)
  })

  it('keeps the families apart', () => {
    expect(range('0.0.0.0/0').contains(ip('::1'))).toBe(false)
    expect(range('::/0').contains(ip('1.1.1.1'))).toBe(false)
  })

  it('cuts a prefix length to the family and an address to the prefix', () => {
    expect(String(CidrRange.create('10.1.2.3', 40))).toBe('10.1.2.3/32')
    expect(String(CidrRange.create('10.1.2.3', 16))).toBe('10.1.0.0/16')
    expect(String(CidrRange.create('2001:db8:ffff::1', 40))).toBe('2001:db8:ff00::/40')
  })

  it.each(['10.0.0.0', '10.0.0.0/', '10.0.0.0/x', 'foo/8', '/8'])('%j is no range', (text) => {
    expect(CidrRange.parse(text)).toBeUndefined()
  })
})

describe('CidrTable', () => {
  it('finds the longest prefix', () => {
    const table = new CidrTable<string>()
    for (const text of ['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32', '::/0', 'fe80::/10']) {
      table.set(range(text), text)
    }
    expect(table.find(ip('10.1.2.3'))).toBe('10.1.2.3/32')
    expect(table.find(ip('10.1.2.4'))).toBe('10.1.0.0/16')
    expect(table.find(ip('10.2.0.0'))).toBe('10.0.0.0/8')
    expect(table.find(ip('9.9.9.9'))).toBe('0.0.0.0/0')
    expect(table.find(ip('fe81::1'))).toBe('fe80::/10')
    expect(table.find(ip('2001::'))).toBe('::/0')
  })
})

describe('CidrSet', () => {
  it('contains what any of its ranges contains', () => {
    const set = new CidrSet([new CidrRange(ip('10.0.0.0'), 8), new CidrRange(ip('::1'), 128)])
    expect(set.contains(ip('10.3.3.3'))).toBe(true)
    expect(set.contains(ip('::1'))).toBe(true)
    expect(set.contains(ip('::2'))).toBe(false)
    expect(set.contains(ip('11.0.0.0'))).toBe(false)
  })
})
