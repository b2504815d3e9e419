#!/usr/bin/env python3
"""Fetches what a customs gateway has for a partner, verifies it, keeps it, and acknowledges it with a signature.

Needs Python's standard library and the openssl command. PARTNER.md, beside this file, says what happens and why.
"""

import argparse
import base64
import datetime
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid

MOST_BYTES = 64 << 20  # the greatest document that is taken
FRUITLESS = 100  # leases in a row of which everything was refused


class Refused(Exception):
    """What the gateway refuses, or what it hands out and does not verify."""


class Unverified(Refused):
    """A message that is not what its sender has signed."""


def canonical(value):
    """The one form of bytes of what is signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def openssl(*args, content):
    """Runs openssl over the content of a file, and returns what it prints."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(content)
        f.flush()
        return subprocess.run(["openssl", "dgst", "-sha256", *args, f.name], capture_output=True, check=True).stdout


def sign(key, content):
    return openssl("-sign", key, content=content)


def verify(public, signature, content):
    with tempfile.NamedTemporaryFile() as f:
        f.write(signature)
        f.flush()
        try:
            openssl("-verify", public, "-signature", f.name, content=content)
        except subprocess.CalledProcessError:
            raise Unverified("the signature does not verify") from None


def replace(name, content):
    """Writes a file that is whole, and on disk, or not there."""
    with open(name + ".new", "wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())
    os.replace(name + ".new", name)
    folder = os.open(os.path.dirname(name) or ".", os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


class Door:
    """The REST door of the gateway."""

    def __init__(self, address, ca, cert, key):
        self.address = address
        self.tls = ssl.create_default_context(cafile=ca)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self.tls.load_cert_chain(cert, key)
        self.connection = None

    def request(self, verb, path, body=None, headers=None):
        """Returns the answer, not read; once more where the connection was closed meanwhile."""
        for last in (False, True):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPSConnection(self.address, context=self.tls, timeout=60)
                self.connection.request(verb, path, body, headers or {})
                answer = self.connection.getresponse()
                break
            except (OSError, http.client.HTTPException):
                self.close()
                if last:
                    raise
        if answer.status >= 400:
            said = answer.read().decode(errors="replace")
            raise Refused(f"{verb} {path}: {answer.status} {said}")
        return answer

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def call(self, path, message):
        answer = self.request("POST", path, json.dumps(message), {"Content-Type": "application/json"})
        return json.loads(answer.read())


class Partner:
    """One partner that fetches: who it is, by which subscription, and where it keeps what it has fetched."""

    def __init__(self, args):
        self.args = args
        self.door = Door(args.door, args.ca, args.cert, args.key)
        self.subscription = "/v1/subscriptions/" + args.subscription
        self.keys = dict(pair.split("=", 1) for pair in args.trust)

    def subscribe(self):
        message = {"name": self.args.subscription, "recipient": self.args.own}
        if self.args.kind:
            message["kinds"] = self.args.kind
        self.door.call("/v1/subscriptions", message)

    def file(self, message_id, ending):
        name = urllib.parse.quote(f"{self.args.sender}-{message_id.lower()}", safe="")
        return os.path.join(self.args.dir, name + ending)

    def document(self, message_id, size, digest):
        """The document of a message, which goes on where it broke off, if it is the same still."""
        part = self.file(message_id, ".part")
        path = f"{self.subscription}/messages/{urllib.parse.quote(message_id, safe='')}"
        for _ in range(10):
            have = os.path.getsize(part) if os.path.exists(part) else 0
            if have >= size:
                break
            headers = {"Range": f"bytes={have}-", "If-Range": f'"{digest}"'} if have else {}
            try:
                answer = self.door.request("GET", path, headers=headers)
                with open(part, "ab" if answer.status == 206 else "wb") as f:
                    while chunk := answer.read(64 << 10):
                        f.write(chunk)
                        if f.tell() > size:
                            raise Unverified("more bytes than were announced")
            except (OSError, http.client.HTTPException) as broken:
                print(f"{message_id}: broke off ({broken}), goes on", file=sys.stderr)
                self.door.close()
        if not os.path.exists(part):
            raise Refused("the document does not come")
        with open(part, "rb") as f:
            content = f.read()
        if sha256(content) != digest:
            os.remove(part)
            raise Unverified("the document is another than was signed")
        return content

    def take(self, fetched):
        """Verifies one message and keeps it; returns its header. What is kept already is not kept again."""
        sealed, message_id = fetched["sealed"], fetched["message"]["messageId"]
        raw = base64.b64decode(sealed["header"])
        try:
            header = json.loads(raw)
            public = self.keys[header["keyId"]]
            said = header["messageId"], header["sender"], header["recipient"]
            digest = header["payload"]
        except (ValueError, KeyError, TypeError):
            raise Unverified("the header is none, or is signed by a key that is not known") from None
        verify(public, base64.b64decode(sealed["signature"]), raw)
        if said != (message_id, self.args.sender, self.args.own) or not isinstance(digest, str):
            raise Unverified(f"it is {said}")
        size = int(sealed.get("size", 0))
        if size > MOST_BYTES:
            raise Unverified(f"{size} bytes are more than are taken")
        kept = self.file(message_id, ".xml")
        if os.path.exists(kept):
            with open(kept, "rb") as f:
                if sha256(f.read()) != digest:
                    raise Unverified("another document came before under the same id")
            return header
        inlined = base64.b64decode(sealed.get("payload", ""))
        if sha256(inlined) != digest or self.args.whole:
            inlined = self.document(message_id, size, digest)
        replace(self.file(message_id, ".header.json"), raw)
        replace(self.file(message_id, ".header.sig"), base64.b64decode(sealed["signature"]))
        replace(kept, inlined)
        part = self.file(message_id, ".part")
        if os.path.exists(part):
            os.remove(part)
        return header

    def receipt(self, header):
        """The signed receipt for a message that is kept: made once, and the same from then on."""
        kept = self.file(header["messageId"], ".receipt.json")
        if os.path.exists(kept):
            with open(kept, encoding="utf-8") as f:
                return json.load(f)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        statement = canonical({
            "at": now, "canonical": header["payload"], "mapping": self.args.mapping, "messageId": header["messageId"],
            "received": header["payload"], "verdict": "PRS",
        })
        own = canonical({
            "conversation": header["conversation"], "created": now, "documentId": "", "keyId": self.args.key_id, "kind": "Receipt", "lateBy": 0,
            "messageId": str(uuid.uuid4()), "payload": sha256(statement), "recipient": self.args.sender, "relatesTo": header["messageId"],
            "sender": self.args.own,
        })
        made = {name: base64.b64encode(content).decode() for name, content in
                (("header", own), ("statement", statement), ("signature", sign(self.args.signing, own)))}
        replace(kept, json.dumps(made).encode())
        return made

    def fetch(self):
        """Fetches once; returns how many messages were acknowledged, and whether there may be more."""
        got = self.door.call(self.subscription + ":fetch", {"most": self.args.most, "leaseSeconds": self.args.lease})
        done = 0
        for fetched in got.get("messages", []):
            message_id = fetched["message"]["messageId"]
            try:
                header = self.take(fetched)
                if not self.args.keep:
                    answer = self.door.call(self.subscription + ":acknowledge", {"lease": got["lease"], "receipts": [self.receipt(header)]})
                    print(message_id, header["kind"], answer["messages"][0]["message"]["state"], flush=True)
                else:
                    print(message_id, header["kind"], "kept", flush=True)
                done += 1
            except Refused as refused:  # it stays with the gateway; the others go on
                print(f"{message_id}: {refused}", file=sys.stderr)
        return done, got.get("more", False)

    def run(self):
        self.subscribe()
        total, fruitless, until = 0, 0, time.monotonic() + self.args.wait
        while True:
            done, more = self.fetch()
            total += done
            fruitless = 0 if done else fruitless + 1
            if more and fruitless < FRUITLESS:  # what is refused stays under its lease: what is behind it comes next
                continue
            if total or time.monotonic() >= until:
                return total
            time.sleep(0.2)


def exchange_arguments(p):
    """Adds who exchanges with whom, by which keys, and where what comes is kept."""
    p.add_argument("--own", required=True, help="whose system this is, such as KZ")
    p.add_argument("--sender", required=True, help="whose gateway it is, such as CN")
    p.add_argument("--ca", required=True, help="roots of the gateway's certificate, PEM")
    p.add_argument("--cert", required=True, help="own certificate, PEM")
    p.add_argument("--key", required=True, help="its key, PEM")
    p.add_argument("--trust", required=True, action="append", metavar="ID=FILE", help="a public key of the sender's, PEM")
    p.add_argument("--signing", required=True, help="own signing key, PEM")
    p.add_argument("--key-id", required=True, help="what the gateway knows it as")
    p.add_argument("--dir", required=True, help="folder for what comes")
    p.add_argument("--mapping", default="as-received", help="by what documents are read, as receipts say")


def main():
    p = argparse.ArgumentParser(description="Fetch, verify, keep and acknowledge what a customs gateway has for a partner.")
    p.add_argument("--door", required=True, help="host:port of the gateway's REST door")
    exchange_arguments(p)
    p.add_argument("--subscription", default="partner")
    p.add_argument("--kind", action="append", help="only documents of this kind; the first time alone")
    p.add_argument("--most", type=int, default=20, help="messages of one lease")
    p.add_argument("--lease", type=int, default=60, help="seconds")
    p.add_argument("--wait", type=float, default=0, help="seconds to wait for the first message")
    p.add_argument("--whole", action="store_true", help="take each document by itself, not with its message")
    p.add_argument("--keep", action="store_true", help="acknowledge nothing")
    args = p.parse_args()
    os.makedirs(args.dir, mode=0o700, exist_ok=True)
    try:
        Partner(args).run()
    except (Refused, OSError, subprocess.CalledProcessError) as failed:
        sys.exit(f"partner: {failed}")


if __name__ == "__main__":
    main()
