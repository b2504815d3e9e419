#!/usr/bin/env python3
"""Takes what a customs gateway posts to a partner by HTTPS, verifies it, keeps it, and answers with a signed receipt.

Needs Python's standard library, the openssl command and partner.py beside it. PARTNER.md says what happens and why.
"""

import argparse
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import time

from partner import MOST_BYTES, Partner, Refused, Unverified, exchange_arguments, sha256

TRIES = 10  # to bring a receipt that is owed


class Receiver(Partner):
    """One partner that is posted to: it keeps what came, and its receipt for that, once."""

    def __init__(self, args):
        super().__init__(args)
        self.one = threading.Lock()

    def document(self, message_id, size, digest):
        raise Unverified("the document is another than was signed")

    def deliver(self, headers, content):
        """Keeps one message, if it verifies, and returns its header."""
        with self.one:
            return self.take({
                "message": {"messageId": headers.get("Customs-Message-Id", "")},
                "sealed": {
                    "header": headers.get("Customs-Header", ""), "signature": headers.get("Customs-Signature", ""),
                    "payload": base64.b64encode(content).decode(), "size": len(content),
                },
            })

    def owed(self, header):
        with self.one:
            return self.receipt(header)

    def bring(self, header):
        """Brings a receipt that was not answered with."""
        for n in range(TRIES):
            time.sleep(0.2 * 2**n)
            try:
                state = self.door.call("/v1/deliveries:receipt", {"receipt": self.owed(header)})["state"]
                print(header["messageId"], header["kind"], state, flush=True)
                return
            except (Refused, OSError) as failed:
                print(f"{header['messageId']}: {failed}", file=sys.stderr, flush=True)


def asked(request):
    """Who asks, by the URIs of the certificate, and how many bytes it says to bring."""
    names = {value for kind, value in request.connection.getpeercert().get("subjectAltName", ()) if kind == "URI"}
    return names, int(request.headers.get("Content-Length", "0"))


def handler(receiver, args):
    """Answers as args say: at once, later, or without a signature."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self):
            names, size = asked(self)
            if names != {args.gateway} or not 0 <= size <= MOST_BYTES:
                self.close_connection = True
                return self.refuse(403 if names != {args.gateway} else 413, "not for this door")
            content = self.rfile.read(size)
            if self.path != "/v1/deliveries":
                return self.refuse(404, "there is nothing here")
            try:
                header = receiver.deliver(self.headers, content)
            except (Refused, ValueError) as refused:
                return self.refuse(400, str(refused))
            if args.plain:
                return self.reply(204, b"", {"Customs-Received": sha256(content)})
            if args.later:
                threading.Thread(target=receiver.bring, args=(header,), daemon=True).start()
                return self.reply(202, b"", {})
            made = receiver.owed(header)
            print(header["messageId"], header["kind"], "kept", flush=True)
            self.reply(200, base64.b64decode(made["statement"]), {
                "Content-Type": "application/json", "Customs-Header": made["header"], "Customs-Signature": made["signature"],
            })

        def reply(self, status, body, headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def refuse(self, status, detail):
            self.reply(status, json.dumps({"status": status, "detail": detail}).encode(), {"Content-Type": "application/problem+json"})

        def log_message(self, *_):
            pass

    return Handler


class Server(http.server.ThreadingHTTPServer):
    """One whose connections are secured by the thread that answers on them: who is slow to begin holds up nobody."""

    daemon_threads = True

    def __init__(self, address, answers, tls):
        self.tls = tls
        super().__init__(address, answers)

    def finish_request(self, request, client_address):
        request.settimeout(60)
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request, client_address):
        print(f"{client_address[0]}: {sys.exc_info()[1]}", file=sys.stderr, flush=True)


def serve(args, partner, handler, name):
    """Serves what a handler does for a partner, with certificates of both sides, until it is ended."""
    args.subscription, args.whole = "", False
    os.makedirs(args.dir, mode=0o700, exist_ok=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=args.ca)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(args.cert, args.key)
    host, _, port = args.listen.rpartition(":")
    try:
        with Server((host, int(port)), handler(partner(args), args), tls) as server:
            print(f"listens on {args.listen}", flush=True)
            server.serve_forever()
    except (OSError, subprocess.CalledProcessError) as failed:
        sys.exit(f"{name}: {failed}")


def main():
    p = argparse.ArgumentParser(description="Take, verify, keep and acknowledge what a customs gateway posts to a partner.")
    p.add_argument("--listen", required=True, help="host:port")
    p.add_argument("--gateway", required=True, help="the one URI of the gateway's certificate, such as customs://CN/gateway/1")
    p.add_argument("--door", required=True, help="host:port of the gateway's REST door, for receipts that come later")
    exchange_arguments(p)
    how = p.add_mutually_exclusive_group()
    how.add_argument("--later", action="store_true", help="answer 202, and bring the receipt later")
    how.add_argument("--plain", action="store_true", help="sign nothing")
    serve(p.parse_args(), Receiver, handler, "receiver")


if __name__ == "__main__":
    main()
