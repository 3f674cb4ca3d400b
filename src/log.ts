/** The log: winston, to standard error; for people on a terminal, JSON otherwise. Standard output is for programs. */
import type { Writable } from 'node:stream';
import winston from 'winston';
import { type Field, tidy } from './tidy.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
type Write = (message: string, fields?: object) => void;
/** A fixed message and what varies: `log.info('upstream lost', { account, condition })`. */
export interface Log {
  readonly error: Write;
  readonly warn: Write;
  readonly info: Write;
  readonly debug: Write;
}

export interface LogOptions {
  level: LogLevel;
  /** Undefined: by whether the stream is a terminal. */
  format: 'text' | 'json' | undefined;
  stream?: Writable & { isTTY?: boolean };
}

interface Line extends winston.Logform.TransformableInfo {
  time: string;
  fields: Record<string, Field>;
}

export function createLog({ level, format, stream = process.stderr }: LogOptions): Log {
  const json = (format ?? (stream.isTTY ? 'text' : 'json')) === 'json';
  // A log that nobody reads any more is no reason to end.
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
  const logger = winston.createLogger({
    level,
    format: winston.format.printf((line) => (json ? asJson(line as Line) : asText(line as Line))),
    transports: [new winston.transports.Stream({ stream })],
  });
  const write =
    (at: LogLevel): Write =>
    (message, fields = {}) => {
      if (logger.isLevelEnabled(at))
        logger.log({ level: at, message, time: new Date().toISOString(), fields: tidy(fields) });
    };
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };
}

function ignore(): void {}

/** What a terminal or a reader could take for something else: controls, line ends, and what turns the direction of writing. */
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const escaped = (text: string): string =>
  text.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

// Within JSON only strings can still have such characters, and there the escape means the character.
const asJson = ({ time, level, message, fields }: Line): string =>
  escaped(JSON.stringify({ time, level, message, ...fields }));

function asText({ time, level, message, fields }: Line): string {
  const varying = Object.entries(fields).map(([name, value]) => ` ${escaped(name)}=${asValue(value)}`);
  return `${time.slice(0, 19).replace('T', ' ')} ${level.padEnd(5)} ${escaped(String(message))}${varying.join('')}`;
}

function asValue(value: Field): string {
  const plain = typeof value === 'string' && /^[^\s"=]+$/.test(value) && !/^[[{]/.test(value);
  return escaped(plain ? value : JSON.stringify(value));
}
