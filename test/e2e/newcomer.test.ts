/** What is said to an account in the moments in which it comes to the proxy. */
import * as assert from 'uvu/assert';
import { isMessage } from '../lib/party.ts';
import { login } from '../lib/raw.ts';
import { Scenarios } from '../lib/world.ts';

const scenarios = new Scenarios();

/** So many that some come before the proxy is logged in, while it does, and when it is available. */
const much = 60;

scenarios.add(
  'each message reaches the app, once, whatever the proxy was at when it came',
  async ({ proxy, server }) => {
    const alice = await server.account('alice');
    const bob = await login({
      ...(await server.account('bob', server.domains[1])),
      ...{ resource: 'desk', host: server.host, port: server.port, ca: server.ca },
    });
    bob.send('<presence/>');
    await bob.roundtrip();
    await proxy.add(alice);
    const words = Array.from({ length: much }, (_, index) => `m${index}`);
    const said = (async () => {
      for (const word of words) {
        bob.message(alice.jid, word);
        await bob.roundtrip();
      }
    })();
    const phone = await proxy.login(alice, { resource: 'phone' });
    phone.send('<presence/>');
    await phone.roundtrip();
    await said;
    for (const word of words) await phone.received(isMessage({ body: word }), { within: 20_000, what: word });
    await phone.roundtrip();
    const bodies = phone.all.flatMap((stanza) => (stanza.name === 'message' && stanza.getChildText('body')) || []);
    assert.equal(bodies.filter((body) => words.includes(body)).sort(), [...words].sort());
  },
);

scenarios.run();
