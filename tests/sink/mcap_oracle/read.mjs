// SPDX-License-Identifier: MIT
// Usage: node read.mjs FILE.mcap [DIR]
// Reads a capture with @mcap/core, front to back and by its index, checksums verified; both must agree.
// Prints the messages as JSON lines {topic, sequence, log_time, message}, in the file's order: fields by
// their json_name, 64-bit integers as text, bytes in hexadecimal. Attachments are {attachment, message}.
// With DIR, it leaves there what `protoc --decode` wants: TOPIC.desc and TOPIC.N.bin.
import { McapIndexedReader, McapStreamReader } from "@mcap/core";
import * as fzstd from "fzstd";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";

const [file, dir] = process.argv.slice(2);
const decompressHandlers = {
  zstd: (buffer, size) => fzstd.decompress(new Uint8Array(buffer), new Uint8Array(Number(size))),
};

async function readInOrder() {
  const reader = new McapStreamReader({ decompressHandlers, validateCrcs: true });
  const records = [];
  const take = () => {
    for (let record; (record = reader.nextRecord()); ) records.push(record);
  };
  for await (const part of fs.createReadStream(file, { highWaterMark: 1 << 16 })) {
    reader.append(part);
    take();
  }
  assert(reader.done(), "the stream reader is not done");
  return records;
}

async function readByIndex() {
  const handle = await fs.promises.open(file);
  const { size } = await handle.stat();
  const readable = {
    size: async () => BigInt(size),
    read: async (offset, length) => {
      const bytes = new Uint8Array(Number(length));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, Number(offset));
      assert.equal(bytesRead, bytes.length, "an index leads behind the end");
      return bytes;
    },
  };
  const reader = await McapIndexedReader.Initialize({ readable, decompressHandlers });
  const messages = [];
  for await (const message of reader.readMessages({ validateCrcs: true })) messages.push(message);
  const attachments = [];
  for await (const one of reader.readAttachments({ validateCrcs: true })) attachments.push(one);
  await handle.close();
  return { reader, messages, attachments };
}

// What a field is called in JSON if its descriptor does not say.
const camelCase = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

class Decoder {
  constructor(schema) {
    const set = descriptor.FileDescriptorSet.decode(schema.data);
    this.root = protobuf.Root.fromDescriptor(set);
    this.root.resolveAll();
    this.jsonNames = new Map(); // by full name of the message, then by field name
    const note = (scope, types) => {
      for (const type of types ?? []) {
        const name = `${scope}.${type.name}`;
        this.jsonNames.set(name, new Map(type.field.map((f) => [f.name, f.jsonName || camelCase(f.name)])));
        note(name, type.nestedType);
      }
    };
    for (const one of set.file) note(one.package ? `.${one.package}` : "", one.messageType);
  }

  decode(name, data) {
    const type = this.root.lookupType(name);
    return this.plain(type, type.decode(data));
  }

  plain(type, message) {
    const names = this.jsonNames.get(type.fullName);
    const object = {};
    for (const field of type.fieldsArray) {
      if (!Object.hasOwn(message, field.name)) continue;
      const value = message[field.name];
      if (field.repeated && value.length === 0) continue;
      const plain = field.repeated ? value.map((one) => this.scalar(field, one)) : this.scalar(field, value);
      // protobufjs leaves a map that came in a descriptor as the list of entries that it is on the wire.
      const isMap = field.resolvedType?.name === `${camelCase(`_${field.name}`)}Entry`;
      object[names.get(field.name)] = isMap ? Object.fromEntries(plain.map((e) => [e.key, e.value])) : plain;
    }
    return object;
  }

  scalar(field, value) {
    const type = field.resolvedType;
    if (type instanceof protobuf.Enum) return type.valuesById[value] ?? value;
    if (type) return this.plain(type, value);
    if (field.type === "bytes") return Buffer.from(value).toString("hex");
    if (protobuf.util.Long.isLong(value)) return value.toString();
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  }
}

const records = await readInOrder();
const { reader, messages, attachments } = await readByIndex();

const inOrder = records.filter((record) => record.type === "Message");
const key = (m) => `${m.channelId} ${m.sequence} ${m.logTime} ${Buffer.from(m.data).toString("base64")}`;
assert.deepEqual(messages.map(key).sort(), inOrder.map(key).sort(), "the readers do not agree");

const statistics = reader.statistics;
assert.equal(statistics.messageCount, BigInt(inOrder.length));
assert.equal(statistics.chunkCount, reader.chunkIndexes.length);
assert.equal(statistics.channelCount, reader.channelsById.size);
assert.equal(statistics.schemaCount, reader.schemasById.size);
assert.equal(statistics.attachmentCount, attachments.length);
for (const [id, count] of statistics.channelMessageCounts)
  assert.equal(count, BigInt(inOrder.filter((m) => m.channelId === id).length));
const times = inOrder.map((m) => m.logTime);
assert.equal(statistics.messageStartTime, times.reduce((a, b) => (a < b ? a : b)));
assert.equal(statistics.messageEndTime, times.reduce((a, b) => (a > b ? a : b)));

const decoders = new Map();
const decoderOf = (schema) => {
  if (!decoders.has(schema.id)) decoders.set(schema.id, new Decoder(schema));
  return decoders.get(schema.id);
};
const lines = [];
const print = (line) => lines.push(JSON.stringify(line));
for (const { name, mediaType, data } of attachments) {
  assert.equal(mediaType, "application/x-protobuf");
  const schema = [...reader.schemasById.values()].find((one) => one.name === "vmitap.Session");
  print({ attachment: name, message: decoderOf(schema).decode("vmitap.Catalog", data) });
}
for (const { channelId, sequence, logTime, data } of inOrder) {
  const channel = reader.channelsById.get(channelId);
  const schema = reader.schemasById.get(channel.schemaId);
  assert.equal(channel.messageEncoding, "protobuf");
  assert.equal(schema.encoding, "protobuf");
  print({
    topic: channel.topic,
    sequence,
    log_time: logTime.toString(),
    message: decoderOf(schema).decode(schema.name, data),
  });
  if (dir) {
    fs.writeFileSync(path.join(dir, `${channel.topic}.desc`), schema.data);
    fs.writeFileSync(path.join(dir, `${channel.topic}.${sequence}.bin`), data);
  }
}
process.stdout.write(lines.join("\n") + "\n");
