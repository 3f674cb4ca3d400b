import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inWorld } from './lib/edge.ts';
import { login } from './lib/raw.ts';

test('binds', () =>
  inWorld({}, async ({ unit, starttls, direct }) => {
    const one = await login({ jid: 'alice@work.example', password: 'work secret', resource: 'desk', ...starttls });
    assert.is(one.jid, 'alice@work.example/desk');
    await unit.hears('attach');
    one.send('<message to="bob@Home.example"><body>hi</body></message>');
    const { stanza } = await unit.hears('stanza');
    assert.is(stanza.toString(), '<message to="bob@home.example"><body>hi</body></message>');
    const two = await login({
      jid: 'alice@work.example',
      password: 'work secret',
      mechanism: 'SCRAM-SHA-256',
      ...direct,
    });
    await two.roundtrip('proxy.example');
    await one.close();
    await unit.hears('detach');
    await two.close();
  }));
test.run();
