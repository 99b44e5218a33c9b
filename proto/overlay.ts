// Merges our additions to Envoy's API: partial messages, of the same package and name, holding only what is new.
//
// An overlay file is .proto text in which several packages may follow each other, each with its own `package` line.
// Added to what the API package has: new messages, enums, fields, oneof members and enum values. A field of an existing
// name replaces it. `reserved "name"` takes a field away, `reserved 1 to max` in a message takes the message away.
import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'

/** Reads one overlay file and merges all of its packages into the root. */
export function mergeOverlay(root: protobuf.Root, path: string): void {
  const sections = readFileSync(path, 'utf8').split(/^(?=package )/m)
  for (const section of sections) {
    const overlay = protobuf.parse(`syntax = "proto3";\n${section}`, new protobuf.Root(), { keepCase: true })
    if (overlay.package === undefined) continue
    mergeNamespace(root.define(overlay.package), overlay.root.lookup(overlay.package) as protobuf.Namespace)
  }
}

function mergeNamespace(target: protobuf.NamespaceBase, addition: protobuf.NamespaceBase): void {
  for (const nested of [...addition.nestedArray]) {
    const existing = target.get(nested.name)
    if (existing === null) {
      addition.remove(nested)
      target.add(nested)
    } else if (existing instanceof protobuf.Type && nested instanceof protobuf.Type) {
      if (isTakenAway(nested)) target.remove(existing)
      else mergeMessage(existing, nested)
    } else if (existing instanceof protobuf.Enum && nested instanceof protobuf.Enum) {
      mergeEnum(existing, nested)
    } else {
      throw new Error(`overlay: ${nested.fullName} is another kind of declaration in Envoy's API`)
    }
  }
}

function isTakenAway(message: protobuf.Type): boolean {
  return (message.reserved ?? []).some((entry) => Array.isArray(entry) && entry[0] === 1)
}

function mergeMessage(target: protobuf.Type, addition: protobuf.Type): void {
  const oneofs = addition.oneofsArray.map((oneof) => ({ oneof, members: oneof.fieldsArray.slice() }))
  for (const { oneof, members } of oneofs) for (const member of members) oneof.remove(member)
  for (const name of addition.reserved ?? []) if (typeof name === 'string') removeField(target, name)
  const fields = [...addition.fieldsArray]
  for (const field of fields) removeField(target, field.name)
  for (const field of fields) {
    addition.remove(field)
    target.add(field)
  }
  for (const { oneof, members } of oneofs) mergeOneof(target, oneof, members)
  mergeNamespace(target, addition)
}

function removeField(target: protobuf.Type, name: string): void {
  const field = target.fields[name]
  if (field === undefined) return
  field.partOf?.remove(field)
  target.remove(field)
}

function mergeOneof(target: protobuf.Type, oneof: protobuf.OneOf, members: protobuf.Field[]): void {
  let existing = target.oneofs?.[oneof.name]
  if (existing === undefined) {
    existing = new protobuf.OneOf(oneof.name, [], oneof.options)
    target.add(existing)
  }
  existing.parsedOptions = oneof.parsedOptions ?? existing.parsedOptions
  for (const member of members) existing.add(member)
}

function mergeEnum(target: protobuf.Enum, addition: protobuf.Enum): void {
  for (const [name, value] of Object.entries(addition.values)) {
    if (target.values[name] === undefined) target.add(name, value, undefined, addition.valuesOptions?.[name])
  }
}
