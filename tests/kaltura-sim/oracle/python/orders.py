#!/usr/bin/env python3
"""Drives whole orders against the stand-in with Kaltura's official Python client: one of captions in every detail, then
one of each kind.

The client was written by others against the real server: what it accepts, refuses and parses is an outside check on
the stand-in. Usage:

    orders.py --sim PATH/TO/kaltura-sim [--media FILE]     starts the program itself
    orders.py --url http://127.0.0.1:PORT [--media FILE]   uses a running one

Exit status 0 if every check held. Needs the packages of requirements.txt beside it.
"""

import argparse
import http.server
import json
import subprocess
import threading
from pathlib import Path

from captions_order import captions_order, multirequest, other_ends
from common import Files, Sim, held, vendor_session
from order_kinds import order_kinds

KINDS = Path(__file__).resolve().parent.parent / "kinds.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--sim", help="the program, to be started here")
    where.add_argument("--url", help="address of a running one")
    parser.add_argument("--media", help="absolute path of a media file for the order")
    options = parser.parse_args()
    program, url = None, options.url
    if options.sim:
        program = subprocess.Popen([options.sim], stdout=subprocess.PIPE, text=True)
        url = json.loads(program.stdout.readline())["service_url"]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files_url = f"http://127.0.0.1:{server.server_port}"
    kinds = json.loads(KINDS.read_text())
    try:
        sim = Sim(url)
        vendor = vendor_session(sim)
        captions_order(sim, vendor, files_url, options.media)
        other_ends(sim, vendor)
        multirequest(vendor)
        order_kinds(sim, vendor, files_url, kinds)
    finally:
        server.shutdown()
        if program:
            program.terminate()
            program.wait()
    print(f"Kaltura's Python client: {len(held)} checks held, orders of {len(kinds)} kinds")


if __name__ == "__main__":
    main()
