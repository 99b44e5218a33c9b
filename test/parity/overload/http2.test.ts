/** Overload of HTTP/2 connections on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { overloadHttp2Suite } from './http2_suite.ts'

defineSuite(overloadHttp2Suite)
