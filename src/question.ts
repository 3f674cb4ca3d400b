/** The one question of a first start: which domain? */
import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { readDomain } from './values.ts';

export interface Terminal {
  input: Readable;
  /** Not standard output: that is for programs. */
  output: Writable;
}

/** Asks until the answer is a domain; undefined when there will be no answer (end of input, Ctrl-C). */
export async function askDomain({ input, output }: Terminal, proposal: string): Promise<string | undefined> {
  const lines = createInterface({ input, output, terminal: 'isTTY' in output && output.isTTY === true });
  lines.setPrompt(`Domain of the proxy's own logins [${proposal}]: `);
  lines.on('SIGINT', () => lines.close());
  try {
    lines.prompt();
    for await (const line of lines) {
      const domain = readDomain(line.trim() || proposal);
      if (domain !== undefined) return domain;
      output.write('That is not a domain. Any name will do, for example xmpp.example.org or localhost.\n');
      lines.prompt();
    }
    return undefined;
  } finally {
    lines.close();
  }
}

/** The machine's full name, where it has one. */
export async function fullName(): Promise<string> {
  const name = hostname();
  const found = name.includes('.') ? name : await resolved();
  return readDomain(found) ?? 'localhost';
}

async function resolved(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('hostname', ['-f'], { timeout: 2000 });
    return stdout.trim();
  } catch {
    return '';
  }
}
