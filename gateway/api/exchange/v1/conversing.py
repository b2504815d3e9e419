#!/usr/bin/env python3
"""Takes what a customs gateway posts to a partner in the envelopes of the EAEU, keeps it, and answers with signals.

Needs Python's standard library, the openssl command, partner.py and receiver.py beside it. PARTNER.md says what happens
and why.
"""

import argparse
import base64
import datetime
import http.server
import json
import sys
import threading
import time
import uuid
import xml.parsers.expat
from xml.sax.saxutils import escape

from partner import MOST_BYTES, Refused, Unverified, exchange_arguments
from receiver import TRIES, Receiver, asked, serve

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
INT = "urn:EEC:Interaction:v1.0"
SGN = "urn:EEC:signal:v1.0"
OWN = "urn:customs:conversation:v1"
MEDIA_TYPE = "application/soap+xml; charset=utf-8"
SIGNALS = {"P.MSG.RCV": "DeliveryReceipt", "P.MSG.PRS": "ProcessingReceipt", "P.MSG.ERR": "ValidationError"}


class Envelope:
    """One envelope as it was read: its headers by name, the parts of the block, and the body's bytes as they came."""

    def __init__(self, raw):
        self.text, self.path = {}, []
        self.start = self.end = None
        reader = xml.parsers.expat.ParserCreate(namespace_separator=" ")
        reader.StartElementHandler, reader.EndElementHandler, reader.CharacterDataHandler = self.opened, self.closed, self.characters
        reader.StartDoctypeDeclHandler = self.forbidden
        self.reader = reader
        try:
            reader.Parse(raw, True)
        except (xml.parsers.expat.ExpatError, LookupError) as broken:  # the latter: an encoding that nobody knows
            raise Unverified(f"no XML: {broken}") from None
        if self.start is None or self.end is None:
            raise Unverified("the envelope has no body")
        self.root = raw[self.start:self.end].rstrip()

    def forbidden(self, *_):
        raise Unverified("a DOCTYPE")

    def opened(self, name, _):
        if self.path[1:] == [f"{SOAP} Body"]:
            if self.start is not None:
                raise Unverified("two documents")
            self.start = self.reader.CurrentByteIndex
        self.path.append(name)
        if len(self.path) == 2 and name == f"{SOAP} Body" and self.end is not None:
            raise Unverified("two bodies")

    def closed(self, name):
        self.path.pop()
        if len(self.path) == 1 and name == f"{SOAP} Body":
            self.end = self.reader.CurrentByteIndex

    def characters(self, text):
        if self.path[1:2] == [f"{SOAP} Header"] and len(self.text) < 100:
            self.text[self.path[-1]] = self.text.get(self.path[-1], "") + text

    def header(self, space, name):
        return self.text.get(f"{space} {name}", "").strip()

    def part(self, name):
        return base64.b64decode(self.header(OWN, name))

    def document(self):
        return self.part("Before") + self.root + self.part("Behind")


def signal(args, to, kind, body, block=""):
    """The envelope of a signal about an envelope."""
    action = to.header(WSA, "Action").rpartition("/")[0] + "/" + kind
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="{SOAP}" xmlns:wsa="{WSA}" xmlns:int="{INT}" xmlns:sgn="{SGN}"><soap:Header>
<wsa:To>{escape(args.their_address)}</wsa:To><wsa:ReplyTo><wsa:Address>{escape(args.own_address)}</wsa:Address></wsa:ReplyTo>
<wsa:MessageID>urn:uuid:{uuid.uuid4()}</wsa:MessageID><wsa:RelatesTo>{escape(to.header(WSA, "MessageID"))}</wsa:RelatesTo>
<wsa:Action>{escape(action)}</wsa:Action><int:ProcedureID>{escape(to.header(INT, "ProcedureID"))}</int:ProcedureID>
<int:ConversationID>{escape(to.header(INT, "ConversationID"))}</int:ConversationID>{block}</soap:Header>
<soap:Body><sgn:{SIGNALS[kind]}><sgn:SignalId>{uuid.uuid4()}</sgn:SignalId><sgn:DateTime>{now}</sgn:DateTime>{body}</sgn:{SIGNALS[kind]}></soap:Body>
</soap:Envelope>
""".encode()


class Conversing(Receiver):
    """A partner that is posted to in envelopes: it keeps what came, and signals what it makes of it."""

    def take_envelope(self, raw):
        envelope = Envelope(raw)
        header = self.deliver({
            "Customs-Message-Id": envelope.header(INT, "ConversationID").removeprefix("urn:uuid:"),
            "Customs-Header": envelope.header(OWN, "Header"), "Customs-Signature": envelope.header(OWN, "Signature"),
        }, envelope.document())
        return envelope, header

    def verdict(self, envelope, header):
        """The signal of what it makes of a message: that is accepted, with a receipt or without, or refused without one."""
        if self.args.refuse:
            code, _, text = self.args.refuse.partition("=")
            return signal(self.args, envelope, "P.MSG.ERR", f"<sgn:Error><sgn:Code>{escape(code)}</sgn:Code><sgn:Description>{escape(text)}</sgn:Description></sgn:Error>")
        block = ""
        if not self.args.unsigned:
            made = self.owed(header)
            block = f'<cg:Seal xmlns:cg="{OWN}">' + "".join(f"<cg:{n}>{made[n.lower()]}</cg:{n}>" for n in ("Header", "Signature", "Statement")) + "</cg:Seal>"
        return signal(self.args, envelope, "P.MSG.PRS", "", block)

    def bring_signals(self, envelope, header):
        """Brings what was not answered with: without a signature that the bytes came, and then the verdict."""
        signals = [self.verdict(envelope, header)]
        if self.args.unsigned:
            signals.insert(0, signal(self.args, envelope, "P.MSG.RCV", ""))
        for made in signals:
            for n in range(TRIES):
                time.sleep(0.2 * 2**n)
                try:
                    with self.one:
                        answer = self.door.request("POST", "/v1/conversations", made, {"Content-Type": MEDIA_TYPE})
                        answer.read()
                    print(header["messageId"], header["kind"], answer.status, flush=True)
                    break
                except (Refused, OSError) as failed:
                    print(f"{header['messageId']}: {failed}", file=sys.stderr, flush=True)


def handler(partner, args):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self):
            names, size = asked(self)
            if names != {args.gateway} or self.path != args.path or not 0 <= size <= 2 * MOST_BYTES:
                self.close_connection = True
                return self.reply(403, json.dumps({"status": 403, "detail": "not for this door"}).encode(), "application/problem+json")
            try:
                envelope, header = partner.take_envelope(self.rfile.read(size))
            except (Refused, ValueError) as refused:
                return self.reply(400, json.dumps({"status": 400, "detail": str(refused)}).encode(), "application/problem+json")
            print(header["messageId"], header["kind"], "kept", flush=True)
            if args.later:
                threading.Thread(target=partner.bring_signals, args=(envelope, header), daemon=True).start()
                return self.reply(202, b"", MEDIA_TYPE)
            self.reply(200, partner.verdict(envelope, header), MEDIA_TYPE)

        def reply(self, status, body, media_type):
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def main():
    p = argparse.ArgumentParser(description="Take, verify and keep what a customs gateway posts in envelopes, and signal what becomes of it.")
    p.add_argument("--listen", required=True, help="host:port")
    p.add_argument("--path", default="/soap", help="where envelopes are taken")
    p.add_argument("--gateway", required=True, help="the one URI of the gateway's certificate, such as customs://CN/gateway/1")
    p.add_argument("--door", required=True, help="host:port of the gateway's REST door, for signals that come later")
    p.add_argument("--own-address", required=True, help="logical address, such as EAEU://KZ/CP/P.CP.01/P.CP.01.ACT.001")
    p.add_argument("--their-address", required=True, help="that of the gateway")
    exchange_arguments(p)
    p.add_argument("--later", action="store_true", help="answer 202, and bring the signals later")
    p.add_argument("--unsigned", action="store_true", help="signal without a signature")
    p.add_argument("--refuse", metavar="CODE=TEXT", help="refuse everything, without a signature")
    serve(p.parse_args(), Conversing, handler, "conversing")


if __name__ == "__main__":
    main()
