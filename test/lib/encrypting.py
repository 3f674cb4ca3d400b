#!/usr/bin/env python3
"""Apps with real OMEMO 0.3 (python-oldmemo over slixmpp) that talk to each other.

Reads {"apps": [{"name", "jid", "password", "host", "port", "contact"}], "says": [{"from", "to", "body", "readers"}]} from
stdin. Each app makes its device known; when all have been told of each other's devices by events, everything is said in
turn, and each reader must decrypt it. Writes {"read": {name: [body, ...]}, "devices": {name: id}}.
"""
import asyncio
import json
import ssl
import sys
import xml.etree.ElementTree as ET

import oldmemo
import oldmemo.etree
import slixmpp
from omemo import BundleNotFound, Just, Nothing, SessionManager, Storage, TrustLevel
from slixmpp.exceptions import IqError

NS = "eu.siacs.conversations.axolotl"
DEVICES = NS + ".devicelist"
BUNDLE = NS + ".bundles:"
PATIENCE = 30


class Memory(Storage):
    def __init__(self):
        super().__init__(True)
        self.kept = {}

    async def _load(self, key):
        return Just(self.kept[key]) if key in self.kept else Nothing()

    async def _store(self, key, value):
        self.kept[key] = value

    async def _delete(self, key):
        self.kept.pop(key, None)


def manager_of(app):
    """The library's session manager, with an app as its way to the network."""

    class Manager(SessionManager):
        @staticmethod
        async def _upload_bundle(bundle):
            await app.publish(BUNDLE + str(bundle.device_id), oldmemo.etree.serialize_bundle(bundle))

        @staticmethod
        async def _download_bundle(namespace, bare_jid, device_id):
            payload = await app.last_item(bare_jid, BUNDLE + str(device_id))
            if payload is None:
                raise BundleNotFound()
            return oldmemo.etree.parse_bundle(payload, bare_jid, device_id)

        @staticmethod
        async def _delete_bundle(namespace, device_id):
            pass

        @staticmethod
        async def _upload_device_list(namespace, device_list):
            await app.publish(DEVICES, oldmemo.etree.serialize_device_list(device_list))

        @staticmethod
        async def _download_device_list(namespace, bare_jid):
            payload = await app.last_item(bare_jid, DEVICES)
            return {} if payload is None else oldmemo.etree.parse_device_list(payload)

        async def _evaluate_custom_trust_level(self, device):
            return TrustLevel.TRUSTED

        async def _make_trust_decision(self, undecided, identifier):
            pass

        @staticmethod
        async def _send_message(message, bare_jid):
            app.send_encrypted(message, bare_jid)

    return Manager


class App(slixmpp.ClientXMPP):
    def __init__(self, name, jid, password, host, port, contact):
        super().__init__(jid, password)
        self.name, self.place, self.contact = name, (host, port), contact
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        for plugin in ("xep_0030", "xep_0060", "xep_0115", "xep_0163", "xep_0199", "xep_0280"):
            self.register_plugin(plugin)
        self.auto_reconnect = False
        self.manager = None
        self.device = None
        self.read = []
        self.known = {}
        self.changed = asyncio.Event()
        self.turn = asyncio.Lock()
        self.add_filter("in", self.seen)

    async def start(self):
        started = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _: started.set_result(None))
        self.connect(self.place)
        await asyncio.wait_for(started, PATIENCE)
        await self["xep_0280"].enable()
        await self.get_roster()
        self["xep_0163"].add_interest(DEVICES)
        await self["xep_0115"].update_caps()
        self.send_presence()

    async def make_device(self):
        create = manager_of(self).create
        async with self.turn:
            self.manager = await create([oldmemo.Oldmemo(storage := Memory())], storage, self.bare, None, "trusted")
        await self.manager.after_history_sync()
        self.device = (await self.manager.get_own_device_information())[0].device_id

    @property
    def bare(self):
        return self.boundjid.bare

    async def publish(self, node, payload):
        await self["xep_0060"].publish(None, node, id="current", payload=payload)

    async def last_item(self, owner, node):
        try:
            answer = await self["xep_0060"].get_items(owner, node, max_items=1)
        except IqError as error:
            if error.iq["error"]["condition"] == "item-not-found":
                return None
            raise
        items = list(answer["pubsub"]["items"])
        return items[0]["payload"] if items else None

    def send_encrypted(self, message, to):
        stanza = self.make_message(to, mtype="chat")
        stanza.append(oldmemo.etree.serialize_message(message))
        stanza.append(ET.Element("{urn:xmpp:hints}store"))
        stanza.send()

    async def say(self, to, body):
        async with self.turn:
            plaintext = {oldmemo.oldmemo.NAMESPACE: body.encode()}
            messages, errors = await self.manager.encrypt(frozenset([to]), plaintext)
        if errors:
            raise RuntimeError(f"{self.name}: {errors}")
        for message in messages:
            self.send_encrypted(message, to)

    def seen(self, stanza):
        asyncio.get_event_loop().create_task(self.take(ET.fromstring(ET.tostring(stanza.xml))))
        return stanza

    async def take(self, stanza):
        for message in stanza.iter("{jabber:client}message"):  # itself, or what a carbon carries
            encrypted = message.find(f"{{{NS}}}encrypted")
            sender = message.get("from", self.bare).split("/")[0]
            for items in message.iterfind("{*}event/{*}items"):
                if items.get("node") == DEVICES and items.find("{*}item") is not None:
                    await self.learn(sender, oldmemo.etree.parse_device_list(items.find("{*}item")[0]))
            if encrypted is not None and self.device is not None:
                await self.decrypt(encrypted, sender)

    async def learn(self, owner, devices):
        self.known[owner] = set(devices)
        self.changed.set()
        if self.manager is not None:
            async with self.turn:
                await self.manager.update_device_list(oldmemo.oldmemo.NAMESPACE, owner, devices)

    async def decrypt(self, element, sender):
        if all(key.get("rid") != str(self.device) for key in element.iter(f"{{{NS}}}key")):
            return  # between others: a handshake's end
        async with self.turn:
            parsed = await oldmemo.etree.parse_message(element, sender, self.bare, self.manager)
            plaintext, device, _ = await self.manager.decrypt(parsed)
        if plaintext is not None:
            self.read.append({"body": plaintext.decode(), "from": sender, "device": device.device_id})
            self.changed.set()

    async def until(self, holds, what):
        async def wait():
            while not holds():
                self.changed.clear()
                await self.changed.wait()

        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise RuntimeError(f"{self.name}: {what}; it has read {self.read} and knows {self.known}") from None


async def play(plan):
    apps = {}
    for words in plan["apps"]:
        app = apps[words["name"]] = App(**words)
        await app.start()
    for app in apps.values():  # COMPAT: ejabberd tells nobody of items that are older than its knowledge of his caps
        await app["xep_0199"].ping(app.contact)
    for app in apps.values():
        await app.make_device()
    for app in apps.values():
        own = {other.device for other in apps.values() if other.contact == app.contact}
        theirs = {other.device for other in apps.values() if other.contact != app.contact}
        await app.until(lambda: app.known.get(app.bare) == own, f"not told of its devices {own}")
        await app.until(lambda: app.known.get(app.contact) == theirs, f"not told of the contact's devices {theirs}")
    for said in plan["says"]:
        await apps[said["from"]].say(apps[said["from"]].contact, said["body"])
        for name in said["readers"]:
            reader = apps[name]
            await reader.until(lambda: any(one["body"] == said["body"] for one in reader.read), f"cannot read {said}")
    for app in apps.values():
        await app.disconnect(wait=2.0)
    return {"read": {name: app.read for name, app in apps.items()}, "devices": {name: app.device for name, app in apps.items()}}


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
print(json.dumps(loop.run_until_complete(play(json.load(sys.stdin)))))
