import { createSecureContext } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { ConfigErrors } from '../../../src/config/errors.ts'
import { defaultCipherSuites, tls13Suites, translateCipherSuites } from '../../../src/network/tls/cipher_list.ts'
import { cipherOrderKey, orderedCiphers } from '../../../src/network/tls/cipher_order.ts'
import type { ClientOffer } from '../../../src/network/tls/client_offer.ts'
import { protocolOptions, serverDefaults } from '../../../src/network/tls/tls_parameters.ts'

const hello = (offersTls13: boolean, cipherSuites: number[]): ClientOffer => ({
  serverName: '',
  applicationProtocols: [],
  offersTls13,
  cipherSuites,
  groups: [],
  signatureAlgorithms: [],
  wantsOcspResponse: false,
})

describe('a cipher list', () => {
  it.each([
    [['ECDHE-RSA-AES128-GCM-SHA256'], 'ECDHE-RSA-AES128-GCM-SHA256'],
    [['TLS_RSA_WITH_AES_128_CBC_SHA,AES256-SHA'], 'AES128-SHA:AES256-SHA'],
    [['-ALL', 'ECDHE+AESGCM', '@STRENGTH'], '-ALL:ECDHE+AESGCM:@STRENGTH'],
    [
      ['[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]'],
      'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305',
    ],
    [['PSK-AES128-CBC-SHA', 'AES128-SHA'], 'AES128-SHA'],
  ])('%s is put into the words of OpenSSL', (entries, openssl) => {
    expect(translateCipherSuites(entries)).toMatchObject({ openssl, rejected: [] })
  })

  it('names what is no cipher suite', () => {
    expect(translateCipherSuites(['HIGH:!aNULL', 'FOO', 'TLS_AES_128_GCM_SHA256']).rejected).toEqual([
      'aNULL',
      'FOO',
      'TLS_AES_128_GCM_SHA256',
    ])
  })

  it('of the default is one that OpenSSL takes', () => {
    const { openssl, hasEquals } = translateCipherSuites(defaultCipherSuites)
    expect(hasEquals).toBe(true)
    expect(() => createSecureContext({ ciphers: `${tls13Suites}:${openssl}` })).not.toThrow()
  })
})

describe('among equals', () => {
  const protocol = protocolOptions(undefined, serverDefaults, new ConfigErrors())

  it('the order of the client decides in TLS 1.3', () => {
    const ordered = orderedCiphers(protocol, hello(true, [0x1303, 0x1301]))
    expect(ordered.split(':').slice(0, 3)).toEqual([
      'TLS_CHACHA20_POLY1305_SHA256',
      'TLS_AES_128_GCM_SHA256',
      'TLS_AES_256_GCM_SHA384',
    ])
  })

  it('a suite that is named again and again counts once', () => {
    const again = hello(true, [0x1303, 0x1303, 0x1301, 0x1303])
    expect(cipherOrderKey(again)).toBe(cipherOrderKey(hello(true, [0x1303, 0x1301])))
    expect(orderedCiphers(protocol, again)).toBe(orderedCiphers(protocol, hello(true, [0x1303, 0x1301])))
    expect(cipherOrderKey(again)).not.toBe(cipherOrderKey(hello(true, [0x1301, 0x1303])))
  })

  it('the order of the client decides in a group, and nowhere else, in TLS 1.2', () => {
    const ordered = orderedCiphers(protocol, hello(false, [0xc030, 0xcca8, 0xc02f]))
      .split(':')
      .slice(3)
    expect(ordered).toEqual([
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
      'ECDHE-RSA-CHACHA20-POLY1305',
      'ECDHE-RSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-RSA-AES256-GCM-SHA384',
      '@SECLEVEL=0',
    ])
  })
})
