// Reads one file from a zip archive, such as a Python wheel. It implements only that part of the format, so
// that no unzip tool is needed.
import { inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_BYTES = 22;
const DIRECTORY_ENTRY_BYTES = 46;
const LOCAL_HEADER_BYTES = 30;
const STORED = 0;

/** The content of the entry whose name ends in `nameEnd`. */
export function readZipEntry(archive, nameEnd) {
  const entry = directoryEntries(archive).find(({ name }) => name.endsWith(nameEnd));
  if (!entry) throw new Error(`the archive contains no ${nameEnd}`);
  // The local header repeats the name, and its extra field may differ in length from the directory's.
  const nameBytes = archive.readUInt16LE(entry.headerOffset + 26);
  const extraBytes = archive.readUInt16LE(entry.headerOffset + 28);
  const start = entry.headerOffset + LOCAL_HEADER_BYTES + nameBytes + extraBytes;
  const packed = archive.subarray(start, start + entry.packedBytes);
  return entry.method === STORED ? packed : inflateRawSync(packed);
}

function* directoryOffsets(archive) {
  const end = archive.lastIndexOf(signatureBytes(END_OF_DIRECTORY));
  if (end < 0 || end + END_OF_DIRECTORY_BYTES > archive.length) throw new Error('not a zip archive');
  const entries = archive.readUInt16LE(end + 10);
  let offset = archive.readUInt32LE(end + 16);
  for (let index = 0; index < entries; index += 1) {
    yield offset;
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) =>
      archive.readUInt16LE(offset + field),
    );
    offset += DIRECTORY_ENTRY_BYTES + nameBytes + extraBytes + commentBytes;
  }
}

function directoryEntries(archive) {
  return [...directoryOffsets(archive)].map((offset) => ({
    method: archive.readUInt16LE(offset + 10),
    packedBytes: archive.readUInt32LE(offset + 20),
    headerOffset: archive.readUInt32LE(offset + 42),
    name: archive.toString(
      'utf8',
      offset + DIRECTORY_ENTRY_BYTES,
      offset + DIRECTORY_ENTRY_BYTES + archive.readUInt16LE(offset + 28),
    ),
  }));
}

function signatureBytes(signature) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(signature);
  return bytes;
}
