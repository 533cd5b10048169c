"""What both ways of driving the stand-in share: checks, its control plane, the vendor's files, sessions, uploads."""

import hashlib
import http.server
import json
import sys
import tempfile
import time
import urllib.request

from KalturaClient import KalturaClient
from KalturaClient.Base import KalturaConfiguration
from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Core import (
    KalturaSessionType,
    KalturaString,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
    KalturaUrlResource,
)
from KalturaClient.Plugins.Reach import KalturaEntryVendorTask

SRT = "1\n00:00:00,000 --> 00:00:02,000\nGood morning everybody.\n"
# A vendor's files, by extension.
CONTENT = {
    "srt": SRT,
    "vtt": "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nGood morning everybody.\n",
    "dfxp": '<?xml version="1.0" encoding="UTF-8"?>\n<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en"><body><div>'
            '<p begin="00:00:00.000" end="00:00:02.000">Good morning everybody.</p></div></body></tt>\n',
    "txt": "Good morning everybody.\n",
    "mp4": "no film, but nobody looks inside\n",
}
held = []


def check(condition, what):
    """Keeps a check that holds; ends the run at the first that doesn't."""
    if not condition:
        sys.exit(f"FAILED: {what}")
    held.append(what)


def content_of(name):
    """What stands in the vendor's file of this name, as bytes."""
    return CONTENT[name.rsplit(".", 1)[1]].encode()


def refused(code, call):
    """Checks that the server refuses a call with that code; gives the exception."""
    try:
        call()
    except KalturaException as error:
        check(error.code == code, f"expected {code}, got {error.code}: {error.message}")
        return error
    sys.exit(f"FAILED: expected {code}, the call went well")


class Sim:
    """The control plane of the stand-in."""

    def __init__(self, url):
        self.url = url
        self.info = self.get("/_sim/info")

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body=None):
        return self.request("POST", path, body)

    def order(self, **fields):
        return self.post("/_sim/orders", fields)

    def report(self, task_id):
        return self.get(f"/_sim/orders/{task_id}")


class Files(http.server.BaseHTTPRequestHandler):
    """Serves the vendor's files to those who bring the right header, as S3 does for a signed request; what lies under
    `/open/` to anybody, as S3 does for a signed address."""

    seen = []

    def log_message(self, *_):
        pass

    def answer(self, with_body):
        Files.seen.append((self.command, self.headers.get("Authorization")))
        allowed = self.path.startswith("/open/") or self.headers.get("Authorization") == "Signed abc"
        content = content_of(self.path)
        self.send_response(200 if allowed else 403)
        if allowed:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if allowed and with_body:
            self.wfile.write(content)

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)


def client_for(sim, ks=None, tag="app:oracle_vendor"):
    client = KalturaClient(KalturaConfiguration(sim.url))
    client.setClientTag(tag)
    if ks:
        client.setKs(ks)
    return client


def vendor_session(sim):
    client = client_for(sim)
    info = sim.info
    widget = client.session.startWidgetSession(f"_{info['vendor_partner_id']}")
    hash_name = info["app_token_hash"].lower()
    digest = hashlib.new(hash_name, (widget.ks + info["app_token"]).encode()).hexdigest()
    client.setKs(widget.ks)
    refused("INVALID_APP_TOKEN_HASH", lambda: client.appToken.startSession(info["app_token_id"], digest.upper()))
    session = client.appToken.startSession(
        info["app_token_id"], digest, "", KalturaSessionType.ADMIN, 86400, "disableentitlement"
    )
    check("disableentitlement" in session.privileges, "the app token's own privileges are in the session")
    check(session.partnerId == info["vendor_partner_id"], "the session is the vendor's")
    refused("SERVICE_FORBIDDEN", lambda: client.reach.entryVendorTask.getJobs())
    client.setKs(session.ks)
    return client


def update(vendor, task_id, **fields):
    return vendor.reach.entryVendorTask.updateJob(task_id, KalturaEntryVendorTask(**fields))


def wait_for(asset_id, get, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        asset = get(asset_id)
        if asset.status.getValue() not in (0, 7):
            return asset
        time.sleep(0.05)
    sys.exit(f"FAILED: asset {asset_id} stays at {asset.status.getValue()}")


def url_resource(url, *headers):
    lines = [KalturaString(value=line) for line in headers]
    return KalturaUrlResource(url=url, forceAsyncDownload=False, urlHeaders=lines)


def file_of(name, content):
    """A file of this name for the client, which sends the name with it."""
    file = tempfile.NamedTemporaryFile(suffix=f"-{name}")
    file.write(content)
    file.seek(0)
    return file


def upload_whole(key, name="talk.srt"):
    """Uploads a file in one call."""
    token = key.uploadToken.add(KalturaUploadToken(fileName=name))
    with file_of(name, content_of(name)) as file:
        check(key.uploadToken.upload(token.id, file).status.getValue() == 2, "uploaded whole")
    return KalturaUploadedFileTokenResource(token=token.id)


def upload_chunks(key, name="talk.srt"):
    """Uploads a file in three calls."""
    content = content_of(name)
    token = key.uploadToken.add(KalturaUploadToken(fileName=name, fileSize=len(content)))
    third = len(content) // 3
    for start, end, final in ((0, third, False), (third, 2 * third, False), (2 * third, len(content), True)):
        with file_of(name, content[start:end]) as file:
            sent = key.uploadToken.upload(token.id, file, start > 0, final, start if start else -1)
    check(sent.status.getValue() == 2 and sent.uploadedFileSize == len(content), "uploaded in chunks")
    with file_of(name, b"x") as file:
        refused("UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD", lambda: key.uploadToken.upload(token.id, file))
    return KalturaUploadedFileTokenResource(token=token.id)
