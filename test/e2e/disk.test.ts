/** A disk that is full or fails, files that are damaged: who is concerned is told, nothing is lost, and it works again by itself. */
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NS } from '../../src/wire/ns.ts';
import type { Element } from '../../src/wire/xml.ts';
import { Disk } from '../lib/disk.ts';
import { Scene, textOf } from '../lib/disk-scene.ts';
import { isMessage, isPresence } from '../lib/party.ts';
import { askRoot } from '../lib/proxy.ts';
import { ServiceWorld, work, working } from '../lib/services.ts';
import { type Setting, settings } from '../lib/world.ts';

const inEach = (name: string, run: (setting: Setting) => Promise<void>, which: readonly Setting[] = settings): void => {
  for (const setting of which) test(`${name} (${setting.kind}, WORKERS=${setting.workers})`, () => run(setting));
};

const onSmallDisk = (
  name: string,
  run: (scene: Scene, disk: Disk) => Promise<void>,
  which?: readonly Setting[],
): void =>
  inEach(
    name,
    async (setting) => {
      const disk = await Disk.make(24);
      const scene = await Scene.make(setting, disk.folder);
      await run(scene, disk);
      await scene.close();
      await disk.close();
    },
    which,
  );

onSmallDisk(
  'a full disk: apps are refused, what comes waits, and all goes on when there is room',
  async (scene, disk) => {
    const { proxy } = scene;
    disk.fill();
    await scene.sayUntilRefused();
    await scene.hears(/The archive of admin cannot be written:\n.*admin\.sqlite: the disk is full/);
    await proxy.prints(/the archive cannot be written.*the disk is full/);
    const waiting = [scene.tell(), scene.tell()];
    assert.is(await scene.say(), 'refused');
    await scene.bob.roundtrip();
    assert.equal(
      waiting.map((name) => scene.heard(name)),
      [0, 0],
    );
    disk.fill(); // the rest of what was kept free
    assert.match(await askRoot(scene.ops, proxy.root, 'user add carol "correct-horse"'), /the disk is full/);
    disk.free();
    await scene.hears(/can be written again/);
    await proxy.prints(/the archive can be written again/);
    await scene.check();
  },
);

onSmallDisk(
  'killed on a full disk it starts on it, says what is the matter, and all is there once',
  async (scene, disk) => {
    const { proxy } = scene;
    disk.fill();
    await scene.sayUntilRefused();
    scene.tell();
    await proxy.kill();
    disk.fill();
    await proxy.start();
    await proxy.prints(/the archive cannot be written.*the disk is full/);
    await scene.enter();
    await scene.hears(/The archive of admin cannot be written:\n.*the disk is full/);
    assert.is(await scene.say(), 'refused');
    const last = scene.tell();
    await scene.bob.roundtrip();
    assert.is(scene.heard(last), 0);
    disk.free();
    await scene.hears(/can be written again/);
    await scene.check();
  },
);

onSmallDisk(
  'a disk that became full while the program was not there: what was kept free is enough to be there',
  async (scene, disk) => {
    const { proxy } = scene;
    await proxy.stop();
    disk.fill();
    await proxy.start();
    await proxy.prints(/the archive cannot be written.*the disk is full/);
    await scene.enter();
    await scene.hears(/The archive of admin cannot be written:\n.*the disk is full/);
    assert.is(await scene.say(), 'refused');
    scene.tell();
    disk.free();
    await scene.hears(/can be written again/);
    await scene.check();
  },
  [settings[0]!],
);

onSmallDisk(
  'a disk that can only be read: the program is not started on it, says why, and goes on when it can be written',
  async (scene, disk) => {
    const { proxy } = scene;
    await proxy.stop();
    scene.tell();
    await disk.lock();
    const refused = await proxy.start().catch(({ message }: Error) => message);
    assert.match(refused ?? 'started', /Cannot lock .*registry\.json\.lock: the disk is read-only\.\n$/);
    assert.is(await proxy.exited, 1);
    await disk.unlock();
    await proxy.start();
    await scene.enter();
    await scene.check();
  },
  [settings[0]!],
);

onSmallDisk(
  'an archive that is damaged is its user’s alone: admins and the log say so, others go on, a good file is taken',
  async (scene, disk) => {
    const { proxy, server, bob } = scene;
    const password = 'correct-horse';
    await askRoot(scene.ops, proxy.root, `user add carol "${password}"`, /is in/);
    const carol = { jid: `carol@${proxy.domain}`, password };
    const own = await server.account('carol');
    const app = await proxy.login(carol, { resource: 'app' });
    app.send('<presence/>');
    await app.received(isPresence({ from: app.jid }));
    await askRoot(app, proxy.root, `account add ${own.jid} ${own.password} label=own`, /Connected/);
    await proxy.stop();
    const file = join(disk.folder, 'data', 'archive', 'carol.sqlite');
    copyFileSync(file, `${file}.good`);
    writeFileSync(file, 'not a database '.repeat(500));

    await proxy.start();
    await scene.enter();
    await scene.hears(/carol cannot start:\n.*carol\.sqlite is damaged .*restore it from a backup, or move it/);
    await proxy.prints(/carol.*carol\.sqlite is damaged/);
    await scene.talk();
    bob.message(own.jid, 'for carol');
    const phone = await proxy.login(own, { resource: 'phone' });
    phone.send('<presence/>');
    const id = phone.message(bob.bare, 'from carol');
    const answer = await phone.received(({ name, attrs }) => name === 'message' && attrs.id === id);
    assert.is(answer.attrs.type, 'error');

    renameSync(`${file}.good`, file);
    await scene.hears(/What serves carol runs again/);
    await phone.closed;
    const again = await proxy.login(own, { resource: 'phone' });
    again.send('<presence/>');
    await again.received(isMessage({ body: 'for carol' }), { within: 30_000 });
    again.message(bob.bare, 'here again');
    await bob.received(isMessage({ body: 'here again' }));
    assert.not(bob.all.some((stanza) => textOf(stanza) === 'from carol'));
    await again.roundtrip();
    assert.is(again.all.filter(isMessage({ body: 'for carol' })).length, 1);
    await scene.check();
  },
  [settings[0]!],
);

inEach(
  'a damaged services.sqlite: the program starts, addresses refuse for now, and with a good file all is as before',
  async (setting) => {
    const world = await ServiceWorld.make(setting);
    const { proxy } = world;
    const { desk, address } = await world.serve();
    const implementing = await world.implementing(desk, 'a');
    working(implementing);
    const user = await world.user();
    await world.answering(address);
    user.send(`<presence to="${address}" type="subscribe"/>`);
    await user.received(isPresence({ from: address, type: 'subscribed' }));
    await proxy.stop();
    const file = join(proxy.folder, 'data', 'services.sqlite');
    renameSync(file, `${file}.good`);
    writeFileSync(file, 'not a database '.repeat(500));

    await proxy.start();
    const ops = await proxy.login(proxy.admin, { resource: 'ops' });
    ops.send('<presence/>');
    const isAdvice = (stanza: Element): boolean =>
      /service addresses.*cannot be used:\n.*services\.sqlite is damaged .*restore it from a backup, or move it/.test(
        textOf(stanza),
      );
    await ops.received(isAdvice, { what: "root's advice" });
    await proxy.prints(/services\.sqlite is damaged/);
    await proxy.prints(/component online host=svc\.work\.example/);
    const refused = await user.iq('get', address, work());
    assert.is(refused.getChild('error')?.attrs.type, 'wait', String(refused));
    assert.ok(refused.getChild('error')!.getChild('resource-constraint', NS.stanzas), String(refused));

    renameSync(`${file}.good`, file);
    await ops.received((stanza) => /service addresses keep can be used again/.test(textOf(stanza)), {
      what: 'the end',
    });
    await world.answering(address);
    assert.is((await user.iq('get', address, work())).attrs.type, 'result');
    assert.not(user.all.some(isPresence({ from: address, type: 'unsubscribed' })), 'it is subscribed all the time');
    await world.stop();
    rmSync(`${file}.good`, { force: true });
  },
);
test.run();
