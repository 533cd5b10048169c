"""How fast the stand-in starts and answers: see `run`, which calls this.

The stand-in is tied to one processor, the callers to another where there is one. Calls are those of captions orders, in
turn: getJobs with a page of 30, get with both related objects, updateJob, captionAsset.add, captionAsset.get. Calls a second
are what the callers got; calls a processor second are what the stand-in alone could do.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

CALLERS = 4
ORDERS = 60


class Kaltura:
    """A connection that stays open."""

    def __init__(self, info):
        self.info = info
        self.connection = http.client.HTTPConnection(urlsplit(info["service_url"]).netloc, timeout=30)

    def request(self, path, body):
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = json.loads(self.connection.getresponse().read() or b"null")
        if isinstance(answer, dict) and answer.get("objectType") == "KalturaAPIException":
            raise SystemExit(f"{path}: {answer['code']}: {answer['message']}")
        return answer

    def call(self, service, action, ks=None, **parameters):
        body = {"format": 1, "clientTag": "app:bench", **parameters, **({"ks": ks} if ks else {})}
        return self.request(f"/api_v3/service/{service}/action/{action}", body)


def started(program, processor):
    """Starts the stand-in; answers the process, what it tells, and the time to that."""
    begun = time.perf_counter()
    child = subprocess.Popen([program], stdout=subprocess.PIPE, text=True,
                             preexec_fn=lambda: os.sched_setaffinity(0, {processor}))
    info = json.loads(child.stdout.readline())
    return child, info, (time.perf_counter() - begun) * 1000


def processor_s(child):
    fields = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def orders(info, vendor):
    """Places orders; answers task, entry and key of each."""
    kaltura = Kaltura(info)
    for number in range(ORDERS):
        kaltura.request("/_sim/orders", {"customer": {"partner_id": 200 + number % 7}})
    query = {"filter": {"objectType": "KalturaEntryVendorTaskFilter", "orderBy": "+createdAt"},
             "pager": {"objectType": "KalturaFilterPager", "pageSize": 500}}
    jobs = kaltura.call("reach_entryvendortask", "getJobs", vendor, **query)["objects"]
    return [(job["id"], job["entryId"], job["accessKey"]) for job in jobs]


def caller(info, vendor, placed, until, counts):
    """Makes calls in turn until the time is over."""
    kaltura, made, turn = Kaltura(info), 0, 0
    caption = {"objectType": "KalturaCaptionAsset", "language": "English", "format": "1", "label": "English"}
    profile = {"objectType": "KalturaResponseProfileHolder", "systemName": "reach_vendor"}
    while time.perf_counter() < until:
        task, entry, key = placed[turn % len(placed)]
        turn += 1
        kaltura.call("reach_entryvendortask", "getJobs", vendor, filter={"orderBy": "+createdAt"})
        kaltura.call("reach_entryvendortask", "get", key, id=task, responseProfile=profile)
        kaltura.call("reach_entryvendortask", "updateJob", vendor, id=task,
                     entryVendorTask={"objectType": "KalturaEntryVendorTask", "status": 3})
        asset = kaltura.call("caption_captionasset", "add", key, entryId=entry, captionAsset=caption)
        kaltura.call("caption_captionasset", "get", key, captionAssetId=asset["id"])
        made += 5
    counts.append(made)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench sim", description=__doc__.split("\n")[0])
    parser.add_argument("--release", action="store_true", help="build and measure the release profile")
    parser.add_argument("--seconds", type=float, default=5, help="how long to call (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    parser.add_argument("--program", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(processors[1:]) or set(processors))
    starts = []
    for _ in range(5):
        child, info, took_ms = started(arguments.program, processors[0])
        starts.append(took_ms)
        child.terminate()
        child.wait()

    child, info, _ = started(arguments.program, processors[0])
    try:
        vendor = Kaltura(info).call("session", "start", secret=info["admin_secret"], type=2,
                                    partnerId=info["vendor_partner_id"])
        placed = orders(info, vendor)
        counts, used_s, begun = [], processor_s(child), time.perf_counter()
        until = begun + arguments.seconds
        threads = [threading.Thread(target=caller, args=(info, vendor, placed[n::CALLERS], until, counts))
                   for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took_s, used_s = time.perf_counter() - begun, processor_s(child) - used_s
    finally:
        child.terminate()
        child.wait()
    if len(counts) != CALLERS:
        raise SystemExit("a caller failed")

    figures = {
        "start_ms": round(statistics.median(starts), 1),
        "calls": sum(counts),
        "calls_a_second": round(sum(counts) / took_s),
        "calls_a_processor_second": round(sum(counts) / used_s),
    }
    print(f"start, to its first line: {figures['start_ms']} ms (median of {len(starts)})")
    print(f"{figures['calls']} calls by {CALLERS} callers in {took_s:.1f} s: {figures['calls_a_second']} a second")
    print(f"the stand-in used {used_s:.1f} s of one processor: {figures['calls_a_processor_second']} calls a processor second")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
