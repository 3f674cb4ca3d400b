/** A certificate authority of the test's own, and one server certificate for all domains. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process.ts';

export interface Certificates {
  /** PEM files. */
  ca: string;
  cert: string;
  key: string;
  /** Key, certificate and CA in one. */
  all: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes them with openssl in the folder. */
export async function makeCertificates(folder: string, domains: readonly string[]): Promise<Certificates> {
  const file = (name: string) => join(folder, name);
  const [ca, caKey, cert, key, all] = ['ca.pem', 'ca.key', 'crt.pem', 'key.pem', 'all.pem'].map(file) as Five;
  writeFileSync(file('ca.cnf'), section('ca', ['basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign,cRLSign']));
  const names = domains.flatMap((domain) => [`DNS:${domain}`, `DNS:*.${domain}`]);
  writeFileSync(file('crt.cnf'), section('crt', ['basicConstraints=CA:FALSE', `subjectAltName=${names}`]));
  const caArgs = ['-x509', '-days', '30', '-subj', '/CN=test CA', '-config', file('ca.cnf'), '-extensions', 'ca'];
  await run('openssl', ['req', ...newKey, ...caArgs, '-keyout', caKey, '-out', ca]);
  const subject = ['-subj', `/CN=${domains[0]}`, '-config', file('crt.cnf')];
  await run('openssl', ['req', ...newKey, ...subject, '-keyout', key, '-out', file('crt.csr')]);
  const signed = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '30', '-extfile', file('crt.cnf')];
  await run('openssl', ['x509', '-req', '-in', file('crt.csr'), ...signed, '-extensions', 'crt', '-out', cert]);
  writeFileSync(all, [key, cert, ca].map((name) => readFileSync(name, 'utf8')).join(''));
  return { ca, cert, key, all };
}

type Five = [string, string, string, string, string];
const section = (name: string, lines: readonly string[]): string =>
  `[req]\ndistinguished_name=dn\nprompt=no\n[dn]\n[${name}]\n${lines.join('\n')}\n`;
