import { expect, test } from 'vitest'
import { WatchedFolders } from '../../src/network/watched_folders.ts'

test('a folder is watched for as long as somebody uses it', () => {
  const events: string[] = []
  const folders = new WatchedFolders(
    (folder) => events.push(`new ${folder}`),
    (folder) => events.push(`unused ${folder}`),
  )
  const first = folders.watch('/a', () => events.push('first'))
  const second = folders.watch('/a', () => events.push('second'))
  first()
  first()
  folders.changed('/a')
  second()
  folders.changed('/a')
  folders.watch('/a', () => {})
  expect(events).toEqual(['new /a', 'second', 'unused /a', 'new /a'])
})
