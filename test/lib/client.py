#!/usr/bin/env python3
"""Slixmpp clients for the tests, one process for several: commands in on stdin, answers and events out on stdout.

One JSON object a line. A command is {"id": 1, "client": "a", "do": "connect", ...}; its answer {"reply": 1, "value": ...}
or {"reply": 1, "error": "..."}. Events are {"client": "a", "event": "stanza" | "session" | "resumed" | "refused" |
"disconnected", ...}. The process ends with its stdin.
"""
import asyncio
import json
import logging
import os
import ssl
import sys
import traceback
import xml.etree.ElementTree as ElementTree

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import ET

clients = {}


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Client(slixmpp.ClientXMPP):
    """A client that tells everything it sees, and does by its own plugins what it is told."""

    def __init__(self, name, order):
        super().__init__(order["jid"], order["password"], sasl_mech=order.get("mechanism"))
        self.name = name
        self.order = order
        if order.get("ca"):
            self.ca_certs = order["ca"]
        else:  # any certificate
            self.ssl_context.check_hostname = False
            self.ssl_context.verify_mode = ssl.CERT_NONE
        for plugin in order.get("plugins", []):
            self.register_plugin(plugin)
        self.auto_reconnect = False
        self.auto_authorize = None
        self.auto_subscribe = False
        self.add_filter("in", self.seen)
        for event, word in (
            ("session_start", "session"),
            ("session_resumed", "resumed"),
            ("disconnected", "disconnected"),
        ):
            self.add_event_handler(event, lambda _, word=word: self.tell(word))
        self.add_event_handler("connection_failed", self.unreachable)
        self.add_event_handler("failed_all_auth", lambda _: self.tell("refused"))
        self.add_event_handler("failed_auth", lambda stanza: self.tell("failure", condition=stanza["condition"]))

    def unreachable(self, reason):
        self.cancel_connection_attempt()  # it would try again and again
        self.tell("disconnected", condition=str(reason))

    def tell(self, event, **more):
        say(client=self.name, event=event, jid=self.boundjid.full, **more)

    def seen(self, stanza):
        if stanza.xml.tag.rpartition("}")[2] in ("message", "presence", "iq"):
            self.tell("stanza", xml=ElementTree.tostring(stanza.xml, encoding="unicode"))
        return stanza

    def open(self):
        direct = self.order.get("security") == "direct"
        self.connect(
            (self.order["host"], self.order["port"]),
            use_ssl=direct,
            force_starttls=not direct,
            disable_starttls=direct,
        )


async def do_connect(client, order):
    client.open()


async def do_send(client, order):
    """Through slixmpp's queue, as what it sends itself: so it is counted (XEP-0198) and keeps its place."""
    kinds = {"message": client.Message, "presence": client.Presence, "iq": client.Iq}
    for element in ET.fromstring('<all xmlns="jabber:client">%s</all>' % order["xml"]):
        client.send(kinds[element.tag.rpartition("}")[2]](xml=element))


async def do_message(client, order):
    client.send_message(mto=order["to"], mbody=order["body"], mtype="chat")


async def do_presence(client, order):
    client.send_presence(pshow=order.get("show"), pstatus=order.get("status"), ppriority=order.get("priority"))


async def do_subscribe(client, order):
    client.send_presence_subscription(pto=order["to"], ptype=order.get("type", "subscribe"))


async def do_roster(client, order):
    await client.get_roster()
    return {jid: dict(groups=item["groups"], name=item["name"], subscription=item["subscription"])
            for jid, item in ((jid, client.client_roster[jid]) for jid in client.client_roster)}


async def do_roster_set(client, order):
    await client.update_roster(order["jid"], name=order.get("name", ""), groups=order.get("groups", []))


async def do_carbons(client, order):
    await client["xep_0280"].enable()


async def do_ping(client, order):
    return await client["xep_0199"].send_ping(order["to"], timeout=15)


async def do_interest(client, order):
    client["xep_0163"].add_interest(order["node"])
    await client["xep_0115"].update_caps()


async def do_publish(client, order):
    payload = ET.fromstring(order["xml"])
    await client["xep_0060"].publish(order.get("to"), order["node"], id=order.get("item"), payload=payload)


async def do_mam(client, order):
    """One page of the archive: the bodies of its messages, and the id of the last."""
    page = await client["xep_0313"].retrieve(
        jid=order.get("to"), with_jid=order.get("with"), rsm={"max": str(order.get("max", 50))})
    results = page["mam"]["results"]
    bodies = [result["mam_result"]["forwarded"]["stanza"]["body"] for result in results]
    return dict(bodies=bodies, last=page["mam_fin"]["rsm"]["last"])


async def do_history(client, order):
    """All of the archive, page by page: the bodies."""
    results = client["xep_0313"].iterate(
        with_jid=order.get("with"), reverse=order.get("reverse", False), rsm={"max": order.get("max", 10)})
    return [result["mam_result"]["forwarded"]["stanza"]["body"] async for result in results]


async def do_block(client, order):
    await client["xep_0191"].block(order["jid"])


async def do_unblock(client, order):
    await client["xep_0191"].unblock(order["jid"])


async def do_blocked(client, order):
    answer = await client["xep_0191"].get_blocked()
    return sorted(str(jid) for jid in answer["blocklist"]["items"])


async def do_cut(client, order):
    """The network fails: no closing tag."""
    client.transport.abort()


async def do_disconnect(client, order):
    await client.disconnect(wait=2.0)


async def obey(order):
    name, number = order["client"], order["id"]
    try:
        if order["do"] == "connect" and name not in clients:
            clients[name] = Client(name, order)
        value = await globals()["do_" + order["do"]](clients[name], order)
        say(reply=number, value=value)
    except IqError as error:
        say(reply=number, error=error.iq["error"]["condition"])
    except IqTimeout:
        say(reply=number, error="timeout")
    except Exception:
        say(reply=number, error=traceback.format_exc())


def main():
    logging.basicConfig(level=os.environ.get("SLIX_LOG", "ERROR"), stream=sys.stderr)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pending = b""
    tasks = set()

    def readable():
        nonlocal pending
        chunk = os.read(0, 65536)
        if not chunk:
            loop.stop()
            return
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            task = loop.create_task(obey(json.loads(line)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    loop.add_reader(0, readable)
    loop.run_forever()


main()
