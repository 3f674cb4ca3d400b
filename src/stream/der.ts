/** As much of DER (X.690 §10) as certificates need. All but the last function give a whole encoded value. */

export function encode(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag, ...length(content.length)]), content]);
}

function length(bytes: number): number[] {
  if (bytes < 0x80) return [bytes];
  const digits: number[] = [];
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return [0x80 | digits.length, ...digits];
}

export const sequence = (...parts: Uint8Array[]): Buffer => encode(0x30, ...parts);
export const set = (...parts: Uint8Array[]): Buffer => encode(0x31, ...parts);
export const octets = (bytes: Uint8Array): Buffer => encode(0x04, bytes);
export const utf8 = (text: string): Buffer => encode(0x0c, Buffer.from(text));
export const boolean = (value: boolean): Buffer => encode(0x01, Buffer.from([value ? 0xff : 0]));

/** `unused`: bits at the end that do not count. */
export const bits = (bytes: Uint8Array, unused = 0): Buffer => encode(0x03, Buffer.from([unused]), bytes);

/** Big-endian and positive. */
export function integer(bytes: Uint8Array): Buffer {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1;
  const digits = bytes.subarray(from);
  return encode(0x02, ...(digits[0]! >= 0x80 ? [Buffer.from([0])] : []), digits);
}

/** `1.2.840.10045.4.3.2` */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128));
    bytes.push(...digits);
  }
  return encode(0x06, Buffer.from(bytes));
}

/** RFC 5280 §4.1.2.5: two digits of the year up to 2049, four from then on. */
export function time(at: Date): Buffer {
  const text = `${at.toISOString().replace(/[-:T]|\.\d+/g, '')}`;
  return at.getUTCFullYear() < 2050 ? encode(0x17, Buffer.from(text.slice(2))) : encode(0x18, Buffer.from(text));
}

/** The values, each whole, that stand in a constructed one. For what OpenSSL has already taken: nothing is checked. */
export function contents(value: Uint8Array): Buffer[] {
  const found: Buffer[] = [];
  for (let at = contentAt(value, 0); at < value.length; ) {
    const end = endOf(value, at);
    found.push(Buffer.from(value.subarray(at, end)));
    at = end;
  }
  return found;
}

/** Where the content of the value begins that begins at `at`. */
const contentAt = (bytes: Uint8Array, at: number): number => {
  const first = bytes[at + 1] ?? 0;
  return at + 2 + (first < 0x80 ? 0 : first - 0x80);
};

function endOf(bytes: Uint8Array, at: number): number {
  const begin = contentAt(bytes, at);
  const digits = bytes.subarray(at + 2, begin);
  return begin + (digits.length === 0 ? bytes[at + 1]! : digits.reduce((sum, digit) => sum * 256 + digit, 0));
}
