/** Backends that send HTTP/2 frames as they like, on both proxies. */
import { defineSuite } from '../define_suite.ts'
import { backendFramesSuite } from './backend_frames_suite.ts'

defineSuite(backendFramesSuite)
