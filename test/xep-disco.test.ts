/** Entity capabilities (XEP-0115): which answers vouch for a hash. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseElement } from '../src/wire/parser.ts';
import { capsHash, verifyCaps } from '../src/xep/disco.ts';

const query = (inside: string) =>
  parseElement(`<query xmlns="http://jabber.org/protocol/disco#info">${inside}</query>`);
const feature = (name: string) => `<feature var="${name}"/>`;
const exodus = `<identity category="client" type="pc" name="Exodus 0.9.1"/>${[
  'http://jabber.org/protocol/caps',
  'http://jabber.org/protocol/disco#info',
  'http://jabber.org/protocol/disco#items',
  'http://jabber.org/protocol/muc',
]
  .map(feature)
  .join('')}`;

test("the specification's examples", () => {
  assert.ok(verifyCaps(query(exodus), 'QgayPKawpkPSDYmwT/WM94uAlu0=')); // §5.2
  const psi = `${exodus.replace(/<identity.*?>/, '<identity xml:lang="en" category="client" name="Psi 0.11" type="pc"/><identity xml:lang="el" category="client" name="Ψ 0.11" type="pc"/>')}
    <x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>urn:xmpp:dataforms:softwareinfo</value></field>
    <field var="ip_version"><value>ipv4</value><value>ipv6</value></field><field var="os"><value>Mac</value></field><field var="os_version"><value>10.5.1</value></field>
    <field var="software"><value>Psi</value></field><field var="software_version"><value>0.11</value></field></x>`;
  assert.ok(verifyCaps(query(psi), 'q07IKJEyjvHSyhy//CH0CxmKi8w=')); // §5.3
  assert.not(verifyCaps(query(exodus + feature('urn:x')), 'QgayPKawpkPSDYmwT/WM94uAlu0='));
});

test('an answer that only strings together to the same text vouches for nothing (§9.1)', () => {
  const features = ['http://jabber.org/protocol/caps', 'mood+notify', 'tune+notify'];
  const hash = capsHash({ identities: [{ category: 'client', type: 'pc', name: 'x' }], features });
  const identity = '<identity category="client" type="pc" name="x"/>';
  assert.ok(verifyCaps(query(identity + features.map(feature).join('')), hash));
  const tune = '<field var="FORM_TYPE" type="hidden"><value>tune+notify</value></field>';
  for (const forged of [
    `${identity}${feature('http://jabber.org/protocol/caps')}${feature('mood+notify&lt;tune+notify')}`,
    `${identity}<identity category="http:" type="" xml:lang="jabber.org" name="protocol/caps"/>${features.slice(1).map(feature).join('')}`,
    `${identity}${features.slice(0, 2).map(feature).join('')}<x xmlns="jabber:x:data" type="result">${tune}</x>`,
  ])
    assert.not(verifyCaps(query(forged), hash), forged);
});

test.run();
